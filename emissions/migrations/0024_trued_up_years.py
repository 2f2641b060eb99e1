"""The year's true-up: what covers closed quarters is allocated once more, to what is retired."""

from django.db import migrations, models


THAWED = migrations.RunSQL(
    """
    CREATE FUNCTION tonne_use_is_frozen(bigint, date) RETURNS boolean LANGUAGE sql STABLE AS $$
      SELECT tonne_month_is_closed($1, $2) AND NOT EXISTS (
        SELECT FROM emissions_organisation WHERE id = $1 AND trued_up_before > $2)
    $$;
    CREATE OR REPLACE FUNCTION tonne_frozen_use() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE closed date;
    BEGIN
      IF TG_OP <> 'INSERT' AND tonne_use_is_frozen(OLD.organisation_id, OLD.month) THEN
        closed := OLD.month;
      END IF;
      IF TG_OP <> 'DELETE' AND tonne_use_is_frozen(NEW.organisation_id, NEW.month) THEN
        closed := NEW.month;
      END IF;
      IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the quarter of % is closed: what instruments cover there stays', closed
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN coalesce(NEW, OLD);
    END $$;
    """,
    """
    CREATE OR REPLACE FUNCTION tonne_frozen_use() RETURNS trigger LANGUAGE plpgsql AS $$
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
    DROP FUNCTION tonne_use_is_frozen(bigint, date);
    """,
)


class Migration(migrations.Migration):

    dependencies = [
        ('emissions', '0023_import_components'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='trued_up_before',
            field=models.DateField(blank=True, help_text='In years before it only retired instruments count.', null=True),
        ),
        migrations.AddConstraint(
            model_name='organisation',
            constraint=models.CheckConstraint(condition=models.Q(('trued_up_before__isnull', True), models.Q(('trued_up_before__day', 1), ('trued_up_before__month', 1)), _connector='OR'), name='organisation_trued_up_before'),
        ),
        THAWED,
    ]
