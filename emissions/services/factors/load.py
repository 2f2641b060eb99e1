"""Load a publisher's own file as a factor set: the whole file or nothing of it."""

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.text import slugify

from emissions.importers.factors import FORMATS
from emissions.importers.factors.rows import FactorRow, Hours, MixRow, Read, RowError, read_file
from emissions.models import (
    EmissionFactor,
    FactorSet,
    GridMix,
    GridZone,
    HourlyIntensity,
    Organisation,
    Site,
    User,
)
from emissions.selectors.countries import zones_by_code
from emissions.services.audit import write_audit_event

LONGEST_SLUG = 64


class FileRejected(Exception):
    """The file holds errors; nothing of it was loaded."""

    def __init__(self, errors: list[RowError]) -> None:
        super().__init__(f"{len(errors)} errors. {errors[0]}")
        self.errors = errors


class SourceMissing(Exception):
    """A set needs a source: nobody could check its figures without one."""


class LoadedAlready(Exception):
    """There is a set of this name and edition: sets are immutable, name another edition."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Which publication a file is: the name, source and licence default to the format's."""

    edition: str
    published_on: date
    name: str = ""
    source: str = ""
    source_url: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """What was loaded, and what was left out on purpose."""

    factor_set: FactorSet
    factors: int
    left_out: list[str]
    years_of_hours: int = 0
    mixes: int = 0

    @property
    def contents(self) -> str:
        """What was loaded, in words."""
        counts = (
            (self.factors, "factors"),
            (self.years_of_hours, "years of hours"),
            (self.mixes, "yearly mixes of renewable, nuclear and fossil"),
        )
        return " and ".join(f"{count} {words}" for count, words in counts if count)


@transaction.atomic
def load_factor_set(
    *,
    organisation: Organisation | None,
    format_name: str,
    content: bytes,
    publication: Publication,
    by: User | None,
    now: datetime,
) -> LoadedSet:
    """Load a file as a new factor set; it moves no ledger until it is adopted.

    Parameters
    ----------
    organisation : Organisation or None
        Whose private set it becomes; None makes it a shared one, for everybody to adopt.
    format_name : str
        A key of `FORMATS`.
    content : bytes
        The file.
    publication : Publication
        Which publication it is.
    by, now
        Who loads it, and when.

    Raises
    ------
    SourceMissing
        Neither the format nor the publication names a source.
    LoadedAlready
        This name and edition are there.
    FileRejected
        The file holds errors, each with its row, column and reason.
    """
    check_publication(organisation=organisation, format_name=format_name, publication=publication)
    read = read_factors(organisation=organisation, format_name=format_name, content=content)
    return write_factor_set(
        organisation=organisation,
        format_name=format_name,
        read=read,
        publication=publication,
        by=by,
        now=now,
    )


def check_publication(
    *, organisation: Organisation | None, format_name: str, publication: Publication
) -> None:
    """Raise `SourceMissing` or `LoadedAlready` before a file is read in vain."""
    form = FORMATS[format_name]
    if not (publication.source or form.source) or not (publication.name or form.name):
        raise SourceMissing
    name = publication.name or form.name
    same = Q(slug=_slug(format_name, publication)) | Q(name=name, edition=publication.edition)
    if FactorSet.objects.filter(same, organisation=organisation).exists():
        raise LoadedAlready


def _slug(format_name: str, publication: Publication) -> str:
    """Return a set's short name; what is cut off or has no Latin letters stands in a digest."""
    whole = f"{publication.name or FORMATS[format_name].name} {publication.edition}"
    slug = slugify(whole)
    if len(slug) <= LONGEST_SLUG and whole.isascii():
        return slug or format_name
    digest = sha256(whole.encode()).hexdigest()[:8]
    return f"{slug[: LONGEST_SLUG - 9].strip('-') or format_name}-{digest}"


def read_factors(*, organisation: Organisation | None, format_name: str, content: bytes) -> Read:
    """Read a file, and find its zones and sites; it changes nothing.

    Raises
    ------
    FileRejected
        The file holds errors, each with its row, column and reason.
    """
    read = read_file(FORMATS[format_name], content)
    _refuse_two_names(read, _zones(read))
    _sites(read, organisation)
    if read.errors:
        raise FileRejected(sorted(read.errors, key=lambda error: error.row))
    return read


@transaction.atomic
def write_factor_set(
    *,
    organisation: Organisation | None,
    format_name: str,
    read: Read,
    publication: Publication,
    by: User | None,
    now: datetime,
) -> LoadedSet:
    """Write what `read_factors` returned as a factor set.

    Raises
    ------
    LoadedAlready
        Somebody loaded this name and edition meanwhile.
    """
    zones, sites = _zones(read), _sites(read, organisation)
    factor_set = _create_set(organisation, format_name, publication, now)
    EmissionFactor.objects.bulk_create(
        [_factor(factor_set, zones[row.zone], sites.get(row.site), row) for row in read.factors],
        batch_size=2000,
    )
    HourlyIntensity.objects.bulk_create(
        [
            HourlyIntensity(
                factor_set=factor_set,
                zone_id=zones[one.zone],
                year=one.year,
                kind=one.kind,
                g_co2e_per_kwh=one.g_co2e_per_kwh,
            )
            for one in read.hours
        ],
        batch_size=50,
    )
    GridMix.objects.bulk_create(
        [_mix(factor_set, zones[row.zone], row) for row in read.mixes], batch_size=2000
    )
    if organisation is not None:
        write_audit_event(
            organisation=organisation,
            by=by,
            action="factor set loaded",
            instance=factor_set,
            after={
                "format": format_name,
                "factors": len(read.factors),
                "years of hours": len(read.hours),
                "mixes": len(read.mixes),
            },
        )
    return LoadedSet(factor_set, len(read.factors), read.left_out, len(read.hours), len(read.mixes))


def _create_set(
    organisation: Organisation | None, format_name: str, publication: Publication, now: datetime
) -> FactorSet:
    """Create the set; of two who load the same edition at once, the second is told so."""
    form = FORMATS[format_name]
    try:
        with transaction.atomic():
            return FactorSet.objects.create(
                organisation=organisation,
                slug=_slug(format_name, publication),
                name=publication.name or form.name,
                edition=publication.edition,
                published_on=publication.published_on,
                source=publication.source or form.source,
                source_url=publication.source_url or form.source_url,
                licence=publication.licence or form.licence,
                recorded_at=now,
            )
    except IntegrityError as error:
        raise LoadedAlready from error


def _zones(read: Read) -> dict[str, int]:
    """Return the ids of the zones that the rows name; unknown ones become errors."""
    places: list[FactorRow | Hours | MixRow] = [*read.factors, *read.hours, *read.mixes]
    wanted = {row.zone for row in places}
    known = dict(GridZone.objects.filter(code__in=wanted).values_list("code", "pk"))
    if wanted - set(known):
        known |= _zones_by_name(wanted - set(known))
    named = set[int]()
    for row in places:
        if row.zone not in known and row.row not in named:
            named.add(row.row)
            read.error(row.row, "", f"There is no grid zone “{row.zone[:40]}”.")
    return known


def _zones_by_name(texts: set[str]) -> dict[str, int]:
    """Return the zones called by a country's three letters, or by a name that only one has."""
    codes = {zones_by_code()[text]: text for text in texts if text in zones_by_code()}
    zones = GridZone.objects.annotate(spelt=Upper("name")).filter(
        Q(code__in=codes) | Q(spelt__in=texts)
    )
    found: dict[str, list[int]] = {}
    for code, spelt, pk in zones.values_list("code", "spelt", "pk"):
        found.setdefault(codes.get(code) or str(spelt), []).append(pk)
    return {text: pks[0] for text, pks in found.items() if len(pks) == 1}


def _refuse_two_names(read: Read, zones: dict[str, int]) -> None:
    """Note zones that a file calls by two names: which of the factors would count?"""
    seen: dict[tuple[object, ...], FactorRow] = {}
    for row in read.factors:
        key = zones.get(row.zone), row.site, row.role, row.kind, row.starts_on
        first = seen.setdefault(key, row)
        if key[0] is not None and first.zone != row.zone:
            read.error(row.row, "", f"{row.zone} is {first.zone}, which stands in row {first.row}.")


def _sites(read: Read, organisation: Organisation | None) -> dict[str, int]:
    """Return the ids of the organisation's sites that the rows name; others become errors."""
    wanted = {row.site for row in read.factors if row.site}
    known: dict[str, int] = {}
    if wanted and organisation is not None:
        for site in Site.objects.filter(organisation=organisation):
            known |= dict.fromkeys(wanted & {site.slug, site.name}, site.pk)
    for row in read.factors:
        if row.site and row.site not in known:
            read.error(row.row, "site", f"The organisation has no site “{row.site[:40]}”.")
    return known


def _factor(
    factor_set: FactorSet, zone_id: int, site_id: int | None, row: FactorRow
) -> EmissionFactor:
    return EmissionFactor(
        factor_set=factor_set,
        zone_id=zone_id,
        site_id=site_id,
        role=row.role,
        kind=row.kind,
        starts_on=row.starts_on,
        ends_before=row.ends_before,
        g_co2e_per_kwh=row.g_co2e_per_kwh,
        includes_upstream=row.includes_upstream,
        includes_losses=row.includes_losses,
        gases=row.gases,
        co2_g_per_kwh=row.co2_g_per_kwh,
        ch4_g_per_kwh=row.ch4_g_per_kwh,
        n2o_g_per_kwh=row.n2o_g_per_kwh,
        published=factor_set.edition,
        verification="publisher's file",
        source=factor_set.source,
        source_url=factor_set.source_url,
        licence=factor_set.licence,
        note=row.note,
    )


def _mix(factor_set: FactorSet, zone_id: int, row: MixRow) -> GridMix:
    return GridMix(
        factor_set=factor_set,
        zone_id=zone_id,
        starts_on=row.starts_on,
        ends_before=row.ends_before,
        renewable_share=row.renewable_share,
        nuclear_share=row.nuclear_share,
        fossil_share=row.fossil_share,
        published=factor_set.edition,
        verification="publisher's file",
        source=factor_set.source,
        source_url=factor_set.source_url,
        licence=factor_set.licence,
    )
