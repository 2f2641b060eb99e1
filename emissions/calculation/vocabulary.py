"""The field's words as enumerations: the only module that models may import from the core.

Text enumerations are stored as they are; ordered ones (`Basis`, `Fit`) are small
integers, so that a column of them is a NumPy array. Every member has a `label`
that pages and reports print.
"""

from enum import IntEnum, IntFlag, StrEnum


class Labelled:
    """Give an enumeration's members a readable label made from their names."""

    name: str

    @property
    def label(self) -> str:
        """The member's words, as a page prints them."""
        return LABELS.get(
            (type(self).__name__, self.name), self.name.replace("_", " ").capitalize()
        )


class Basis(Labelled, IntEnum):
    """How a quantity of energy is known, best first (GHG Protocol: data quality)."""

    DEVICE_COUNTER = 1
    SITE_METER = 2
    ESTIMATED = 3
    DEFAULT = 4


class Fit(Labelled, IntEnum):
    """How well the emission factor matches the place and time, best first."""

    STATED = 1
    SITE = 2
    ZONE_MONTH = 3
    ZONE_YEAR = 4
    PARENT_YEAR = 5
    ZONE_EARLIER_YEAR = 6
    PARENT_EARLIER_YEAR = 7
    WORLD = 8
    NONE = 9


class FactorKind(Labelled, StrEnum):
    """Which emissions a factor counts: at the power station, or over the fuel's life."""

    DIRECT = "direct"
    LIFECYCLE = "lifecycle"


class FactorRole(Labelled, StrEnum):
    """What a factor is for."""

    LOCATION = "location"
    RESIDUAL = "residual"
    UPSTREAM = "upstream"


class Preset(Labelled, IntEnum):
    """What is assumed where nothing is known."""

    TONNE = 1
    MLCO2 = 2


class Stage(Labelled, StrEnum):
    """Life-cycle stage of an AI system that a run belongs to (ISO/IEC 21031, SCI for AI)."""

    DATA = "data"
    PRE_TRAINING = "pre_training"
    FINE_TUNING = "fine_tuning"
    EVALUATION = "evaluation"
    INFERENCE = "inference"


class RunStatus(Labelled, StrEnum):
    """How a run ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SourceKind(Labelled, StrEnum):
    """The entrance by which activity data arrived."""

    FORM = "form"
    API = "api"
    FILE = "file"
    CODECARBON = "codecarbon"
    SACCT = "sacct"
    PROMETHEUS = "prometheus"


class EntrySource(Labelled, StrEnum):
    """What kind of row an emission entry comes from; exactly one is set."""

    RUN = "run"
    POOL = "pool"
    PURCHASE = "purchase"
    STATEMENT = "statement"
    MANUAL = "manual"


class PoolKind(Labelled, StrEnum):
    """What is posted for what runs share; the cell of such a line names it as its source."""

    NODE_IDLE = "node_idle"
    METER_REMAINDER = "meter_remainder"
    COVERAGE = "coverage"
    PURCHASE = "purchase"
    STATEMENT = "statement"
    FUEL = "fuel"


class MeasuringPoint(Labelled, StrEnum):
    """Where a meter measures: before or behind cooling and power supply."""

    FACILITY = "facility"
    IT = "it"


class InstrumentKind(Labelled, StrEnum):
    """What conveys the emission rate of electricity (Scope 2 Guidance, chapter 6)."""

    CERTIFICATE = "certificate"
    PPA = "ppa"
    TARIFF = "tariff"


class InstrumentStatus(Labelled, StrEnum):
    """How far an instrument has come: only a retired one counts at the annual close."""

    CONTRACTED = "contracted"
    ISSUED = "issued"
    RETIRED = "retired"
    LAPSED = "lapsed"


class QualityCriterion(IntFlag):
    """The Scope 2 Quality Criteria (Scope 2 Guidance, table 7.1); bits."""

    RATE = 1
    SOLE_CLAIM = 2
    RETIRED_FOR_US = 4
    VINTAGE = 8
    SAME_MARKET = 16
    SUPPLIER_RATE = 32
    TRANSFERRED = 64
    RESIDUAL_MIX = 128


CRITERIA = {
    QualityCriterion.RATE: "Conveys the emission rate of the generation",
    QualityCriterion.SOLE_CLAIM: "Is the only instrument that carries this claim",
    QualityCriterion.RETIRED_FOR_US: "Is tracked, and retired for us or by us",
    QualityCriterion.VINTAGE: "Was issued and is retired close to the period of consumption",
    QualityCriterion.SAME_MARKET: "Comes from the market in which we consume",
    QualityCriterion.SUPPLIER_RATE: (
        "A supplier's rate counts delivered electricity and certificates retired for customers"
    ),
    QualityCriterion.TRANSFERRED: (
        "Of electricity bought from a generator or made on site, all certificates are ours"
    ),
    QualityCriterion.RESIDUAL_MIX: (
        "A residual mix is available for what is not covered, or its absence is disclosed"
    ),
}


class IdleRule(Labelled, StrEnum):
    """Who carries the idle hours of a node: an organisation's choice."""

    OWNER = "owner"
    SHARED = "shared"
    OFF = "off"


class RemainderRule(Labelled, StrEnum):
    """What becomes of metered energy that nothing explains: an organisation's choice."""

    UNALLOCATED = "unallocated"
    UNEXPLAINED = "unexplained"


class Cause(Labelled, StrEnum):
    """Why a posting was made; a restatement's bridge is built from these."""

    DATA = "data"
    FACTOR = "factor"
    METHOD = "method"
    BOUNDARY = "boundary"
    ERROR = "error"
    ESTIMATE_REPLACED = "estimate_replaced"
    PROVIDER_RESTATED = "provider_restated"
    TRUE_UP = "true_up"


class Scope(Labelled, IntEnum):
    """GHG Protocol scope."""

    SCOPE_1 = 1
    SCOPE_2 = 2
    SCOPE_3 = 3


class Scope3Category(Labelled, IntEnum):
    """GHG Protocol Scope 3 categories that AI work touches."""

    PURCHASED_SERVICES = 1
    CAPITAL_GOODS = 2
    UPSTREAM_ENERGY = 3
    LEASED_ASSETS = 8


class SiteKind(Labelled, StrEnum):
    """What a site is."""

    OWN = "own"
    COLOCATION = "colocation"
    CLOUD = "cloud"
    OFFICE = "office"


class CloudProvider(Labelled, StrEnum):
    """Whose carbon statements can be read; as cloud regions name the provider."""

    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"


class InventoryFigure(Labelled, StrEnum):
    """Which figure of a cloud account stands in the inventory; the other stays beside it."""

    ESTIMATE = "estimate"
    STATEMENT = "statement"


class Fuel(Labelled, StrEnum):
    """What a site's generators and boilers burn; the unit is part of it."""

    DIESEL = "diesel"
    DIESEL_MINERAL = "diesel_mineral"
    GAS_OIL = "gas_oil"
    NATURAL_GAS = "natural_gas"
    OTHER_LITRES = "other_litres"


class Control(Labelled, StrEnum):
    """Who has operational control."""

    ORGANISATION = "organisation"
    OTHER = "other"


class Tenure(Labelled, StrEnum):
    """How a node is held."""

    OWNED = "owned"
    FINANCE_LEASE = "finance_lease"
    OPERATING_LEASE = "operating_lease"


class ZoneKind(Labelled, StrEnum):
    """What a grid zone is."""

    WORLD = "world"
    COUNTRY = "country"
    SUBDIVISION = "subdivision"
    BALANCING_AREA = "balancing_area"


class HardwareKind(Labelled, StrEnum):
    """What a hardware model is. A machine includes its host."""

    GPU = "gpu"
    TPU = "tpu"
    AI_ACCELERATOR = "ai_accelerator"
    CPU = "cpu"
    MACHINE = "machine"


class Role(Labelled, StrEnum):
    """What a person is in an organisation."""

    RESEARCHER = "researcher"
    MANAGER = "manager"
    OFFICER = "officer"
    AUDITOR = "auditor"
    ADMIN = "admin"


class TokenScope(Labelled, StrEnum):
    """What a token is good for. Ingesting adds runs and reads nothing: such a token may leak."""

    READ = "read"
    WRITE = "write"
    INGEST = "ingest"
    ADMIN = "admin"


class Boundary(Labelled, StrEnum):
    """What an observation measured."""

    DEVICE = "device"
    NODE = "node"
    MACHINE = "machine"


class DoubleReason(Labelled, StrEnum):
    """Why two runs may be one job."""

    HOST = "host"
    IDENTITY = "identity"
    ALIKE = "alike"
    WITHIN = "within"


class MergeRule(Labelled, StrEnum):
    """By which rule a tracker's record was merged into a scheduler's, with nobody asked."""

    JOB_ID = "job_id"
    ONLY_ONE = "only_one"


class DoubleState(Labelled, StrEnum):
    """What somebody decided of two runs that may be one job."""

    OPEN = "open"
    KEPT = "kept"
    MERGED = "merged"


class ImportStatus(Labelled, StrEnum):
    """How far a file of runs has come."""

    ASKING = "asking"
    READY = "ready"
    IMPORTING = "importing"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


class RowOutcome(Labelled, StrEnum):
    """What becomes of a row of a file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class NameKind(Labelled, StrEnum):
    """What a name of another system stands for."""

    PROJECT = "project"
    EQUIPMENT = "equipment"
    PLACE = "place"


class Headline(Labelled, StrEnum):
    """Which of the two location-based figures an organisation puts first."""

    ANNUAL = "annual"
    HOURLY = "hourly"


class PreviewState(Labelled, StrEnum):
    """How far a preview, or another question to a worker, is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Assumption(IntFlag):
    """What the core had to assume for a run; bits, so that a column is an integer array."""

    POWER_SHARE_DEFAULT = 1
    HOST_SHARE_DEFAULT = 2
    IDLE_POWER_DEFAULT = 4
    PUE_DEFAULT = 8
    FACTOR_FALLBACK = 16
    NO_RESIDUAL_MIX = 32
    LIFECYCLE_FACTOR = 64
    EMBODIED_UNKNOWN = 128
    LIFE_DEFAULT = 256
    FULL_POWER = 512
    NO_FACTOR = 1024
    ENERGY_UNKNOWN = 2048
    CPU_POWER_DEFAULT = 4096
    HOURLY = 8192
    HOURLY_GAPS = 16384
    DEVICE_COUNT = 32768


LABELS = {
    ("Basis", "DEFAULT"): "Default values",
    ("Fit", "STATED"): "Stated with the run",
    ("Fit", "SITE"): "Site-specific",
    ("Fit", "ZONE_MONTH"): "Zone and month",
    ("Fit", "ZONE_YEAR"): "Zone and year",
    ("Fit", "PARENT_YEAR"): "Parent zone, same year",
    ("Fit", "ZONE_EARLIER_YEAR"): "Zone, earlier year",
    ("Fit", "PARENT_EARLIER_YEAR"): "Parent zone, earlier year",
    ("Fit", "WORLD"): "World average",
    ("Fit", "NONE"): "No factor",
    ("Headline", "ANNUAL"): "The factor of the year",
    ("Headline", "HOURLY"): "Hour by hour, where the zone has hours",
    ("Preset", "TONNE"): "Tonne",
    ("Preset", "MLCO2"): "ML CO2 Impact",
    ("HardwareKind", "GPU"): "GPU",
    ("HardwareKind", "TPU"): "TPU",
    ("HardwareKind", "CPU"): "CPU",
    ("HardwareKind", "AI_ACCELERATOR"): "AI accelerator",
    ("SourceKind", "API"): "API",
    ("SourceKind", "CODECARBON"): "CodeCarbon",
    ("SourceKind", "SACCT"): "Slurm sacct",
    ("Scope", "SCOPE_1"): "Scope 1",
    ("Scope", "SCOPE_2"): "Scope 2",
    ("Scope", "SCOPE_3"): "Scope 3",
    ("Scope3Category", "PURCHASED_SERVICES"): "3.1 Purchased services",
    ("Scope3Category", "CAPITAL_GOODS"): "3.2 Capital goods",
    ("Scope3Category", "UPSTREAM_ENERGY"): "3.3 Fuel- and energy-related",
    ("Scope3Category", "LEASED_ASSETS"): "3.8 Leased assets",
    ("SiteKind", "OWN"): "Own data centre",
    ("CloudProvider", "AWS"): "AWS",
    ("CloudProvider", "GCP"): "Google Cloud",
    ("InventoryFigure", "ESTIMATE"): "Own estimate",
    ("InventoryFigure", "STATEMENT"): "Provider’s statement",
    ("Fuel", "DIESEL"): "Diesel, average biofuel blend",
    ("Fuel", "DIESEL_MINERAL"): "Diesel, 100 % mineral",
    ("Fuel", "OTHER_LITRES"): "Another liquid fuel",
    ("Role", "OFFICER"): "Sustainability officer",
    ("Stage", "PRE_TRAINING"): "Pre-training",
    ("Stage", "FINE_TUNING"): "Fine-tuning",
    ("Control", "OTHER"): "Another company",
    ("TokenScope", "READ"): "Reads",
    ("TokenScope", "WRITE"): "Reads and writes",
    ("TokenScope", "INGEST"): "Adds runs only",
    ("TokenScope", "ADMIN"): "Reads, writes and makes tokens",
    ("EntrySource", "STATEMENT"): "Provider statement",
    ("Cause", "TRUE_UP"): "True-up",
    ("PoolKind", "NODE_IDLE"): "Idle nodes",
    ("PoolKind", "METER_REMAINDER"): "Meter remainder",
    ("PoolKind", "COVERAGE"): "Instrument coverage",
    ("PoolKind", "PURCHASE"): "Hardware bought",
    ("PoolKind", "STATEMENT"): "Provider statement",
    ("MeasuringPoint", "FACILITY"): "Facility: with cooling and power supply",
    ("MeasuringPoint", "IT"): "IT equipment only",
    ("PoolKind", "FUEL"): "Generator fuel",
    ("InstrumentKind", "PPA"): "Power purchase agreement",
    ("InstrumentKind", "CERTIFICATE"): "Certificates",
    ("InstrumentKind", "TARIFF"): "Supplier's tariff",
    ("IdleRule", "OWNER"): "Post to the team that owns the node",
    ("IdleRule", "SHARED"): "Share over the teams that used the node, by device-hours",
    ("IdleRule", "OFF"): "Do not post idle hours",
    ("RemainderRule", "UNALLOCATED"): "Post to “Unallocated”",
    ("RemainderRule", "UNEXPLAINED"): "Show as unexplained, post nothing",
    ("ImportStatus", "ASKING"): "Needs a time zone",
    ("ImportStatus", "READY"): "Waiting for you",
    ("ImportStatus", "DONE"): "Imported",
    ("NameKind", "EQUIPMENT"): "Hardware or node",
}
