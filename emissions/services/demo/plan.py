"""Who and what the demo organisation has. Invented from end to end."""

from dataclasses import dataclass

from emissions.calculation.vocabulary import (
    CloudProvider,
    Control,
    InventoryFigure,
    Role,
    SiteKind,
    Stage,
    Tenure,
)

NAME, SLUG, TIME_ZONE = "Nordlys AI", "nordlys", "Europe/Stockholm"
PASSWORD = "tonne-demo"
YEARS = 3
RUNS = 20_000

TEAMS = ("Language", "Vision", "Speech", "Science")

RESEARCHER = "researcher@nordlys.example"
OFFICER = "officer@nordlys.example"

#: E-mail, name, role, team.
PEOPLE = (
    ("admin@nordlys.example", "Astrid Lind", Role.ADMIN, None),
    (OFFICER, "Omar Farouk", Role.OFFICER, None),
    ("auditor@nordlys.example", "Ingrid Vale", Role.AUDITOR, None),
    ("manager@nordlys.example", "Mira Okafor", Role.MANAGER, "Language"),
    (RESEARCHER, "Ravi Sandberg", Role.RESEARCHER, "Language"),
    ("vision@nordlys.example", "Vera Holm", Role.RESEARCHER, "Vision"),
    ("speech@nordlys.example", "Sam Aalto", Role.RESEARCHER, "Speech"),
    ("science@nordlys.example", "Sofia Brandt", Role.RESEARCHER, "Science"),
)


@dataclass(frozen=True, slots=True)
class SitePlan:
    """A site as it begins, and its PUE from each later year on."""

    name: str
    kind: SiteKind
    zone: str
    pue: tuple[float, ...] = ()
    region: str = ""
    overhead: Control = Control.ORGANISATION
    wue: float | None = None


SITES = (
    SitePlan("Luleå", SiteKind.OWN, "SE", (1.14, 1.12, 1.09), wue=0.05),
    SitePlan("Frankfurt", SiteKind.COLOCATION, "DE", (1.38, 1.36, 1.33), overhead=Control.OTHER),
    SitePlan("Google Cloud Belgium", SiteKind.CLOUD, "", region="gcp:europe-west1"),
    SitePlan("AWS Virginia", SiteKind.CLOUD, "", region="aws:us-east-1"),
    SitePlan("Azure Netherlands", SiteKind.CLOUD, "", region="azure:westeurope"),
)
#: Sites of which the landlord sends a bill for each month.
METERED = ("Frankfurt",)


@dataclass(frozen=True, slots=True)
class NodePlan:
    """Nodes alike that stand at a site from a day of the demo on.

    `prolonged_to` are the years that they are to serve from `PROLONGED_DAY` on; five before.
    """

    name: str
    hardware: str
    devices: int
    count: int
    site: str
    from_day: int = 0
    embodied_kg: float | None = None
    tenure: Tenure = Tenure.OWNED
    prolonged_to: float | None = None


PROLONGED_DAY = 500
NODES = (
    NodePlan(
        "lul-a100", "NVIDIA A100 SXM4 80 GB", 8, 16, "Luleå", embodied_kg=3700, prolonged_to=7
    ),
    NodePlan("lul-h100", "NVIDIA H100 SXM5 80GB", 8, 24, "Luleå", from_day=400, embodied_kg=5300),
    NodePlan("fra-v100", "NVIDIA Tesla V100 SXM2 32 GB", 8, 8, "Frankfurt", embodied_kg=2500),
    NodePlan(
        "fra-l40s", "NVIDIA L40S", 4, 12, "Frankfurt", from_day=300, tenure=Tenure.OPERATING_LEASE
    ),
)


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """A project: its team, its habits, and how its work grows.

    `weight` is its share of all runs, `hours` the median length of a run, `devices` the
    usual numbers of devices, `growth` how many times as many runs it has at the end as in
    the beginning, `places` node or site names. `win_day` is the day from which its runs
    take half the time: an efficiency win.
    """

    name: str
    team: str
    weight: float
    hours: float
    devices: tuple[int, ...]
    places: tuple[str, ...]
    stages: tuple[Stage, ...]
    growth: float = 1.0
    from_day: int = 0
    win_day: int | None = None
    moves_to: str = ""
    moves_day: int = 0


PRE, FINE, EVAL, DATA, INF = (
    Stage.PRE_TRAINING,
    Stage.FINE_TUNING,
    Stage.EVALUATION,
    Stage.DATA,
    Stage.INFERENCE,
)
A100, H100, V100, L40S = "lul-a100", "lul-h100", "fra-v100", "fra-l40s"
GCP, AWS, AZURE = "Google Cloud Belgium", "AWS Virginia", "Azure Netherlands"

PROJECTS = (
    ProjectPlan("Aurora base model", "Language", 6, 36, (64, 128), (A100, H100), (PRE, EVAL)),
    ProjectPlan("Aurora instruct", "Language", 12, 7, (16, 32), (A100, H100), (FINE, EVAL)),
    ProjectPlan("Tokeniser and data", "Language", 5, 3, (4, 8), (V100, A100), (DATA,)),
    ProjectPlan("Retrieval", "Language", 7, 4, (4, 8), (L40S, A100), (FINE, EVAL), from_day=300),
    ProjectPlan("Image encoder", "Vision", 8, 18, (16, 32), (A100,), (PRE, EVAL), win_day=560),
    ProjectPlan("Video understanding", "Vision", 6, 20, (16, 32), (AWS, A100), (PRE, FINE)),
    ProjectPlan("Segmentation", "Vision", 9, 4, (4, 8), (V100, L40S), (FINE, EVAL)),
    ProjectPlan("Quality inspection", "Vision", 6, 2, (2, 4), (V100, AZURE), (FINE, INF)),
    ProjectPlan("Speech recognition", "Speech", 9, 9, (8, 16), (V100, A100), (PRE, FINE)),
    ProjectPlan("Voice synthesis", "Speech", 6, 6, (8,), (AZURE, V100), (FINE, EVAL)),
    ProjectPlan(
        "Multimodal dialogue",
        "Speech",
        7,
        10,
        (16,),
        (GCP, A100),
        (PRE, FINE),
        moves_to="Language",
        moves_day=640,
    ),
    ProjectPlan(
        "Protein design",
        "Science",
        8,
        14,
        (16, 32),
        (GCP, H100),
        (PRE, FINE),
        growth=9,
        from_day=150,
    ),
    ProjectPlan("Weather", "Science", 6, 16, (32, 64), (H100, AWS), (PRE,), growth=7, from_day=420),
    ProjectPlan("Materials", "Science", 5, 8, (8, 16), (AWS, H100), (PRE, EVAL), growth=5),
    ProjectPlan("Sandbox", "Science", 6, 1, (1, 2), (L40S, V100), (EVAL, DATA)),
)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """A cloud account and what its provider states of each month of `RUNS` runs, in kg CO2e.

    `restated` months from the last were stated once before, with another version.
    """

    name: str
    provider: CloudProvider
    account_id: str
    site: str
    version: str
    location: float | None
    market: float
    scope_3_share: float
    figure: InventoryFigure = InventoryFigure.ESTIMATE
    restated: int = 0


ACCOUNTS = (
    AccountPlan(
        "AWS research",
        CloudProvider.AWS,
        "444455556666",
        AWS,
        "v3.0.0",
        location=7400,
        market=1900,
        scope_3_share=0.3,
        figure=InventoryFigure.STATEMENT,
        restated=6,
    ),
    AccountPlan(
        "Google Cloud science",
        CloudProvider.GCP,
        "nordlys-science",
        GCP,
        "14",
        location=620,
        market=430,
        scope_3_share=0.4,
    ),
    AccountPlan(
        "Azure speech",
        CloudProvider.AZURE,
        "aaaabbbb-0000-1111-2222-ccccdddd0001",
        AZURE,
        "2024-02",
        location=None,
        market=60,
        scope_3_share=0.6,
    ),
)
OLDER_VERSION = "v2.0.1"
#: Months before the present one that providers have not stated yet, and how many they have.
STATED_AFTER, STATED_MONTHS = 3, 24

#: Litres of diesel that the emergency generators of a site burn in a test, every third month.
GENERATORS = {"Luleå": 240.0, "Frankfurt": 180.0}

#: What a cloud site's runs use.
CLOUD_HARDWARE = {
    GCP: "Google TPU v5e (chip)",
    AWS: "NVIDIA A100 SXM4 80 GB",
    AZURE: "NVIDIA A100 PCIe 80GB",
}
