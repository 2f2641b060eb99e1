"""Change how long hardware serves, from a day on: a node's life, or what the catalogue says."""

from datetime import date, datetime

from django.db import transaction

from emissions.calculation.embodied import DAYS_PER_YEAR, LIFE_YEARS_DEFAULT
from emissions.models import HardwareLife, HardwareModel, Node, NodeLife, NodePlacement, User
from emissions.selectors.lives import BEGINNING, catalogue_lives
from emissions.services.audit import write_audit_event
from emissions.services.dated import end_on, set_from
from emissions.services.invalidate import life_changed


class LifeOver(Exception):
    """The node is older than that on the day; `age_years` says how old, `years` the life."""

    def __init__(self, age_years: float, years: float) -> None:
        super().__init__(f"The node was {age_years:.1f} years old.")
        self.age_years, self.years = age_years, years


def check_life(*, node: Node, life_years: float | None, starts_on: date) -> None:
    """Refuse a life that would be over on the day from which it is to hold.

    Raises
    ------
    LifeOver
        The node is as old on that day, or older.
    """
    if node.purchased_on is None or starts_on <= node.purchased_on:
        return
    years = life_years
    if years is None:
        given = catalogue_lives({node.hardware_id: node.hardware.life_years})[node.hardware_id]
        years = [one for one in given if one.starts_on <= starts_on][-1].years
    years = years or LIFE_YEARS_DEFAULT
    age_days = (starts_on - node.purchased_on).days
    if years * DAYS_PER_YEAR <= age_days:
        raise LifeOver(age_days / DAYS_PER_YEAR, years)


@transaction.atomic
def set_life(
    *, node: Node, life_years: float | None, starts_on: date, by: User | None, now: datetime
) -> NodeLife:
    """Record how long a node is to serve in all, from a day on; None follows the catalogue.

    Months before the day keep what they carry; what is left of the footprint is spread over the
    rest of the life. From the day of purchase, or before, it is a correction of the whole life.
    Like any dated fact it holds until the next change that is recorded.

    Raises
    ------
    LifeOver
        The node is as old on that day, or older.
    """
    node = (
        Node.objects.select_for_update(of=("self",), no_key=True)
        .select_related("hardware", "organisation")
        .get(pk=node.pk)
    )
    check_life(node=node, life_years=life_years, starts_on=starts_on)
    origin = _origin(node)
    whole = starts_on <= origin
    rows = _rows_from(node, origin, now)
    old = [row for row in rows if row.starts_on <= max(starts_on, origin)][-1]
    if old.life_years == life_years:
        return old
    later = [row.starts_on for row in rows if row.starts_on > origin]
    if whole and not later:
        end_on(model=NodeLife, key="node", thing=node, ends_before=rows[0].starts_on, now=now)
    fact = set_from(
        model=NodeLife,
        key="node",
        thing=node,
        starts_on=rows[0].starts_on if whole else starts_on,
        values={"life_years": life_years},
        now=now,
        ends_before=later[0] if whole and later else None,
    )
    write_audit_event(
        organisation=node.organisation,
        by=by,
        action="node's life corrected" if whole else "node's life changed",
        instance=node,
        before={"life_years": old.life_years},
        after={"life_years": life_years, "starts_on": starts_on},
    )
    life_changed(node=node, since=None if whole else starts_on, by=by)
    return fact


def _origin(node: Node) -> date:
    """Return the day on which a node's life begins: bought, or first placed."""
    if node.purchased_on is not None:
        return node.purchased_on
    placements = NodePlacement.objects.current().filter(node=node).order_by("starts_on")
    return next((one.starts_on for one in placements[:1]), BEGINNING)


def _rows_from(node: Node, origin: date, now: datetime) -> list[NodeLife]:
    """Return a node's lives; the first, which holds from the origin on, says so."""
    facts = NodeLife.objects.current().filter(node=node).order_by("starts_on")
    first = facts.first()
    if first is None or first.starts_on > origin:
        moment = max(now, first.recorded_at) if first else now
        if first is not None:
            NodeLife.objects.filter(pk=first.pk).update(superseded_at=moment)
        NodeLife.objects.create(
            organisation=node.organisation,
            node=node,
            life_years=first.life_years if first else None,
            starts_on=origin,
            ends_before=first.ends_before if first else None,
            recorded_at=moment,
        )
    return list(facts)


def keep_catalogue_life(
    *, hardware: HardwareModel, life_years: float | None, until: date, now: datetime
) -> None:
    """Record which life the catalogue gave until a day, for it gives another one from then on.

    Lives that were to end later are superseded. Call it in the transaction of the change.
    """
    end_on(model=HardwareLife, key="hardware", thing=hardware, ends_before=until, now=now)
    rows = HardwareLife.objects.current().filter(hardware=hardware).order_by("starts_on")
    last: HardwareLife | None = rows.last()
    since = last.ends_before if last is not None else BEGINNING
    if since is not None and since < until:
        HardwareLife.objects.create(
            hardware=hardware,
            life_years=life_years,
            starts_on=since,
            ends_before=until,
            recorded_at=now,
        )
