from cotrain._base import constructor_parameters, parameters_of


class Method:
    def __init__(self, rate=0.1, *others, name, **more):
        self.rate, self.name = rate, name


def test_named_parameters_only():
    assert list(constructor_parameters(Method)) == ["rate", "name"]
    assert parameters_of(Method(name="x")) == {"rate": 0.1, "name": "x"}
