"""The fields that rows of the API have: names carry their units."""

from emissions.api.values import Field, named, words
from emissions.calculation.vocabulary import Preset, RunStatus, Stage

PRESETS = {preset.name.lower(): preset for preset in Preset}

#: What a calculation and a run have in common.
ACTIVITY = (
    Field("hardware", "text", "Name or alias in the hardware catalogue, such as “A100”."),
    Field("device_count", "number", "Devices working at the same time. 1 if not stated."),
    Field("duration_hours", "number", "Wall-clock hours."),
    Field("device_hours", "number", "Hours summed over the devices: instead of duration_hours."),
    Field("power_watts", "number", "Average power of one device. No host share is added. [W]"),
    Field("power_share", "number", "Average power as a share of the rated power, 0–1."),
    Field("utilisation", "number", "Average utilisation, 0–1: between idle and rated power."),
    Field("energy_kwh", "number", "Energy of the whole run. Nothing is added to it. [kWh]"),
    Field("pue_included", "flag", "Whether energy_kwh is facility energy, PUE included."),
    Field("cpu_cores", "number", "Processor cores that the run had."),
    Field("cpu_watts_per_core", "number", "Rated power per core. [W]"),
    Field("memory_gb", "number", "Memory that the run had. [GB]"),
    Field("pue", "number", "Power usage effectiveness, 1.0 or more; 1.0 applies none."),
    Field("grid_g_per_kwh", "number", "Emission factor of the electricity. [g CO2e/kWh]"),
    Field("zone", "text", "Grid zone: ISO code of a country or subdivision, FR or US-CA."),
    Field("cloud_region", "text", "Provider and region, such as gcp:europe-west1."),
)

CALCULATION = named(
    *ACTIVITY,
    Field("year", "whole", "Year of the emission factor. The present year if not stated."),
    Field(
        "preset",
        "choice",
        "What is assumed where nothing is known: tonne (75 % of rated power, host share 1.35,"
        " survey average PUE) or mlco2 (ML CO2 Impact: rated power, no host, no PUE).",
        choices=tuple(PRESETS),
    ),
    Field("embodied_kg_per_device", "number", "Footprint of making one device. [kg CO2e]"),
    Field("life_years", "number", "Installed life of the device. [years]"),
    Field(
        "expected_utilisation",
        "number",
        "Share of its life that the device is expected to be used, above 0 to 1: divides its"
        " footprint by used hours only (BLOOM's variant).",
    ),
)

RUN = named(
    Field("external_id", "text", "Your own id of the run, unique in the project."),
    Field("project", "text", "Slug of the project. Not needed with a project's token."),
    Field("name", "text", "What the run is called. Its external_id if not stated."),
    Field("started_at", "moment", "When it started, ISO 8601 with its offset. Required."),
    Field("ended_at", "moment", "When it ended: instead of duration_hours."),
    Field("stage", "choice", "Stage of the life cycle.", choices=words(Stage)),
    Field("status", "choice", "How it ended.", choices=words(RunStatus)),
    Field("node", "text", "Slug or name of one of the organisation's nodes."),
    Field("site", "text", "Slug or name of one of the organisation's sites."),
    *ACTIVITY,
    Field("energy_measured", "flag", "Whether energy_kwh was read from device counters."),
    Field("grid_source", "text", "Where grid_g_per_kwh comes from. Required with it.", longest=250),
    Field("reported_kg", "number", "What another tool reported, kept beside. [kg CO2e]"),
    Field("ai_model", "text", "The AI model that was trained or used."),
    Field("sweep", "text", "The sweep or experiment that the run belongs to."),
    Field("tokens", "number", "Tokens processed."),
    Field("flop", "number", "Floating-point operations."),
    Field("metric_name", "text", "Name of the result, such as accuracy.", longest=100),
    Field("metric_value", "number", "Value of the result."),
    Field("notes", "text", "Anything else.", longest=10_000),
)
