"""Co-training in scikit-learn's form: one file per estimator. They are imported when they are first used."""
