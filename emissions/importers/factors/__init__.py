"""Importers of publishers' own files of emission factors: one file per format.

Each reads the bytes of a file into the same typed rows, or into errors that name the row,
the column and the reason. Which zones there are is the services' business.
"""

from emissions.importers.factors import (
    defra,
    egrid,
    electricity_maps,
    electricity_maps_hourly,
    licensed,
    owid,
)
from emissions.importers.factors.rows import Format

#: Every format by the name that the command and the upload page know it by.
FORMATS: dict[str, Format] = {
    "owid": owid.FORMAT,
    "egrid": egrid.FORMAT,
    "defra": defra.FORMAT,
    "electricity-maps": electricity_maps.FORMAT,
    "electricity-maps-hourly": electricity_maps_hourly.FORMAT,
    "licensed": licensed.FORMAT,
}
