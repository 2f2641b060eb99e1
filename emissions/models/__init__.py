"""The nouns of the ledger, one file each."""

from emissions.models.audit import AuditEvent
from emissions.models.cell import Cell
from emissions.models.closing import ClosedQuarter
from emissions.models.cloud import CloudAccount, ProviderStatement
from emissions.models.counter import CounterSample
from emissions.models.double import DoublePair, DoubleSearch
from emissions.models.entry import EmissionEntry, Posting
from emissions.models.factor import (
    EmissionFactor,
    FactorSet,
    FactorSetAdoption,
    GridLoss,
    HourlyIntensity,
)
from emissions.models.factor_load import FactorLoad
from emissions.models.fuel import FuelUse
from emissions.models.grid_mix import GridMix
from emissions.models.hardware import (
    HardwareAlias,
    HardwareLife,
    HardwareModel,
    Node,
    NodeLife,
    NodePlacement,
)
from emissions.models.instrument import EnergyInstrument, InstrumentUse
from emissions.models.meter import MeterReading
from emissions.models.observation import Observation
from emissions.models.organisation import Organisation, Project, ProjectAssignment, Team
from emissions.models.people import Membership, User
from emissions.models.pool import Pool, StalePool
from emissions.models.preview import AdoptionPreview
from emissions.models.run import PendingCalculation, Run, RunState
from emissions.models.run_import import ImportContent, ImportMapping, ImportRow, RunImport
from emissions.models.site import CloudRegion, DefaultPue, GridZone, Site, SiteConditions
from emissions.models.stream import EnergyPost, EnergyStream, Experiment, UnfoldedPost
from emissions.models.token import ApiToken
from emissions.models.total import MonthlyTotal, NodeTotal

__all__ = [
    "AdoptionPreview",
    "ApiToken",
    "AuditEvent",
    "Cell",
    "ClosedQuarter",
    "CloudAccount",
    "CloudRegion",
    "CounterSample",
    "DefaultPue",
    "DoublePair",
    "DoubleSearch",
    "EmissionEntry",
    "EmissionFactor",
    "EnergyInstrument",
    "EnergyPost",
    "EnergyStream",
    "Experiment",
    "FactorLoad",
    "FactorSet",
    "FactorSetAdoption",
    "FuelUse",
    "GridLoss",
    "GridMix",
    "GridZone",
    "HardwareAlias",
    "HardwareLife",
    "HardwareModel",
    "HourlyIntensity",
    "ImportContent",
    "ImportMapping",
    "ImportRow",
    "InstrumentUse",
    "Membership",
    "MeterReading",
    "MonthlyTotal",
    "Node",
    "NodeLife",
    "NodePlacement",
    "NodeTotal",
    "Observation",
    "Organisation",
    "PendingCalculation",
    "Pool",
    "Posting",
    "Project",
    "ProjectAssignment",
    "ProviderStatement",
    "Run",
    "RunImport",
    "RunState",
    "Site",
    "SiteConditions",
    "StalePool",
    "Team",
    "UnfoldedPost",
    "User",
]
