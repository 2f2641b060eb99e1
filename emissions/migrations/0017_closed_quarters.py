"""Closed quarters, written once; what a close fixes: instruments' uses and the time zone."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


APPEND_ONLY = migrations.RunSQL(
    "CREATE TRIGGER emissions_closedquarter_append_only BEFORE UPDATE OR DELETE"
    " ON emissions_closedquarter FOR EACH ROW EXECUTE FUNCTION tonne_append_only()",
    "DROP TRIGGER emissions_closedquarter_append_only ON emissions_closedquarter",
)

FROZEN_USES = migrations.RunSQL(
    """
    CREATE FUNCTION tonne_month_is_closed(bigint, date) RETURNS boolean LANGUAGE sql STABLE AS $$
      SELECT EXISTS (SELECT FROM emissions_closedquarter
        WHERE organisation_id = $1 AND starts_on = date_trunc('quarter', $2)::date)
    $$;
    CREATE FUNCTION tonne_frozen_use() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE closed date;
    BEGIN
      IF TG_OP <> 'INSERT' AND tonne_month_is_closed(OLD.organisation_id, OLD.month) THEN
        closed := OLD.month;
      END IF;
      IF TG_OP <> 'DELETE' AND tonne_month_is_closed(NEW.organisation_id, NEW.month) THEN
        closed := NEW.month;
      END IF;
      IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the quarter of % is closed: what instruments cover there stays', closed
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN coalesce(NEW, OLD);
    END $$;
    CREATE TRIGGER frozen_use BEFORE INSERT OR UPDATE OR DELETE ON emissions_instrumentuse
      FOR EACH ROW EXECUTE FUNCTION tonne_frozen_use();
    """,
    """
    DROP TRIGGER frozen_use ON emissions_instrumentuse;
    DROP FUNCTION tonne_frozen_use();
    DROP FUNCTION tonne_month_is_closed(bigint, date);
    """,
)

FIXED_TIME_ZONE = migrations.RunSQL(
    """
    CREATE FUNCTION tonne_fixed_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT FROM emissions_closedquarter WHERE organisation_id = NEW.id) THEN
        RAISE EXCEPTION 'a quarter is closed: the time zone that decided its months stays'
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER fixed_time_zone BEFORE UPDATE OF time_zone ON emissions_organisation
      FOR EACH ROW WHEN (NEW.time_zone IS DISTINCT FROM OLD.time_zone)
      EXECUTE FUNCTION tonne_fixed_time_zone();
    """,
    """
    DROP TRIGGER fixed_time_zone ON emissions_organisation;
    DROP FUNCTION tonne_fixed_time_zone();
    """,
)


class Migration(migrations.Migration):
    """The table, and three triggers."""

    dependencies = [
        ('emissions', '0016_reported_runs'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClosedQuarter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device_hours', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('energy_it_kwh', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('energy_facility_kwh', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('location_based_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('location_based_annual_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('market_based_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('upstream_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('losses_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('embodied_kg', models.DecimalField(decimal_places=9, default=0, help_text='Lifetime share of hardware.', max_digits=24)),
                ('embodied_purchase_kg', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('water_litres', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('independent_variance_kg2', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
                ('runs_started', models.BigIntegerField(default=0)),
                ('starts_on', models.DateField(help_text='The first day of the quarter.')),
                ('closed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ledger_position', models.BigIntegerField()),
                ('methodology_version', models.CharField(max_length=16)),
                ('factor_sets', models.JSONField()),
                ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='closed_quarters', to='emissions.organisation')),
            ],
            options={
                'ordering': ['-starts_on'],
                'constraints': [models.UniqueConstraint(fields=('organisation', 'id'), name='closed_quarter_of_organisation'), models.UniqueConstraint(fields=('organisation', 'starts_on'), name='quarter_closed_once'), models.CheckConstraint(condition=models.Q(('starts_on__day', 1), ('starts_on__month__in', (1, 4, 7, 10))), name='closed_quarter_starts_on'), models.CheckConstraint(condition=models.Q(('ledger_position__gte', 0)), name='closed_quarter_position')],
            },
        ),
        APPEND_ONLY,
        FROZEN_USES,
        FIXED_TIME_ZONE,
    ]
