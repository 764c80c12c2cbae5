"""Balancing methods: how much each task's loss counts in a step.

One method is one class in one file. A method declares what it `needs` and gives K `weights` (or, if it
needs the whole Jacobian, the update itself); it knows no deep-learning framework. `cotrain.Balance`
applies one inside a PyTorch loop.
"""

from cotrain.balancing._aligned_mtl import AlignedMTL
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._cagrad import CAGrad
from cotrain.balancing._chebyshev_center import ChebyshevCenter
from cotrain.balancing._coba import CoBa
from cotrain.balancing._conflict_free import ConFIG
from cotrain.balancing._conflict_free_momentum import MConFIG
from cotrain.balancing._cosmos import COSMOS
from cotrain.balancing._cross_batch_rule import CrossBatchRule
from cotrain.balancing._db_mtl import DBMTL
from cotrain.balancing._db_mtl_momentum import DBMTLMomentum
from cotrain.balancing._dual_proj import DualProj
from cotrain.balancing._dwa import DWA
from cotrain.balancing._equal import Equal
from cotrain.balancing._every import Every
from cotrain.balancing._excess_mtl import ExcessMTL
from cotrain.balancing._fairgrad import FairGrad
from cotrain.balancing._famo import FAMO
from cotrain.balancing._from_callable import from_callable
from cotrain.balancing._geometric_mean import GeometricMean
from cotrain.balancing._go4align import GO4Align
from cotrain.balancing._grad_drop import GradDrop
from cotrain.balancing._grad_norm import GradNorm
from cotrain.balancing._gradvac import GradVac
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._igb import IGB
from cotrain.balancing._imtl import IMTL
from cotrain.balancing._imtl_gradient import IMTLGradient
from cotrain.balancing._imtl_loss import IMTLLoss
from cotrain.balancing._initial_scaled import InitialScaled
from cotrain.balancing._jacobian_rule import JacobianRule
from cotrain.balancing._krum import Krum
from cotrain.balancing._ldc import LDC
from cotrain.balancing._log_loss import LogLoss
from cotrain.balancing._loss_rule import LossRule
from cotrain.balancing._mgda import MGDA
from cotrain.balancing._moco import MoCo
from cotrain.balancing._modo import MoDo
from cotrain.balancing._nash_mtl import NashMTL
from cotrain.balancing._norm_rule import NormRule
from cotrain.balancing._pbi import PBI
from cotrain.balancing._pcd import PCD
from cotrain.balancing._pcgrad import PCGrad
from cotrain.balancing._random_weighting import RandomWeighting
from cotrain.balancing._reference_scaled import ReferenceScaled
from cotrain.balancing._relobralo import ReLoBRaLo
from cotrain.balancing._sam_gs import SAMGS
from cotrain.balancing._sdmgrad import SDMGrad
from cotrain.balancing._smooth_tchebycheff import SmoothTchebycheff
from cotrain.balancing._smooth_tchebycheff_set import SmoothTchebycheffSet
from cotrain.balancing._smoothed import Smoothed
from cotrain.balancing._soft_adapt import SoftAdapt
from cotrain.balancing._static import Static
from cotrain.balancing._step_decision import StepDecision, head_weights
from cotrain.balancing._trimmed_mean import TrimmedMean
from cotrain.balancing._uncertainty import Uncertainty
from cotrain.balancing._uncertainty_soft import UncertaintySoft
from cotrain.balancing._unit_norm import UnitNorm
from cotrain.balancing._upgrad import UPGrad

__all__ = [
    "COSMOS",
    "DBMTL",
    "DWA",
    "FAMO",
    "IGB",
    "IMTL",
    "LDC",
    "MGDA",
    "PBI",
    "PCD",
    "SAMGS",
    "AlignedMTL",
    "Balancer",
    "CAGrad",
    "ChebyshevCenter",
    "CoBa",
    "ConFIG",
    "CrossBatchRule",
    "DBMTLMomentum",
    "DualProj",
    "Equal",
    "Every",
    "ExcessMTL",
    "FairGrad",
    "GO4Align",
    "GeometricMean",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "GramianRule",
    "IMTLGradient",
    "IMTLLoss",
    "InitialScaled",
    "JacobianRule",
    "Krum",
    "LogLoss",
    "LossRule",
    "MConFIG",
    "MoCo",
    "MoDo",
    "NashMTL",
    "Needs",
    "NormRule",
    "PCGrad",
    "RandomWeighting",
    "ReLoBRaLo",
    "ReferenceScaled",
    "SDMGrad",
    "SmoothTchebycheff",
    "SmoothTchebycheffSet",
    "Smoothed",
    "SoftAdapt",
    "Static",
    "StepDecision",
    "TrimmedMean",
    "UPGrad",
    "Uncertainty",
    "UncertaintySoft",
    "UnitNorm",
    "from_callable",
    "head_weights",
]
