"""The vocabularies of the API by name: several fields are called kind, status or role."""

from emissions.api.values import words
from emissions.calculation import vocabulary

CONTROL = words(vocabulary.Control)
FACTOR_KIND = words(vocabulary.FactorKind)
FACTOR_ROLE = words(vocabulary.FactorRole)
HARDWARE_KIND = words(vocabulary.HardwareKind)
ROLE = words(vocabulary.Role)
RUN_STATUS = words(vocabulary.RunStatus)
SITE_KIND = words(vocabulary.SiteKind)
SOURCE_KIND = words(vocabulary.SourceKind)
STAGE = words(vocabulary.Stage)
TENURE = words(vocabulary.Tenure)
TOKEN_SCOPE = words(vocabulary.TokenScope)
