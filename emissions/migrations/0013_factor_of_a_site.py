"""A factor of a site of one's own, in a private set of the site's organisation."""

import django.db.models.deletion
from django.db import migrations, models

OF_THE_SET_S_ORGANISATION = """
CREATE FUNCTION tonne_factor_site() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM emissions_site site
    JOIN emissions_factorset factor_set ON factor_set.organisation_id = site.organisation_id
    WHERE site.id = NEW.site_id AND factor_set.id = NEW.factor_set_id
  ) THEN
    RAISE EXCEPTION 'a factor of a site belongs in a set of the site''s organisation'
      USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER factor_site BEFORE INSERT ON emissions_emissionfactor
  FOR EACH ROW WHEN (NEW.site_id IS NOT NULL) EXECUTE FUNCTION tonne_factor_site();
"""
NO_TRIGGER = """
DROP TRIGGER factor_site ON emissions_emissionfactor;
DROP FUNCTION tonne_factor_site();
"""


class Migration(migrations.Migration):
    dependencies = [("emissions", "0012_hourly")]

    operations = [
        migrations.RemoveConstraint(model_name="emissionfactor", name="factor_once"),
        migrations.AddField(
            model_name="emissionfactor",
            name="site",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="emissions.site",
            ),
        ),
        migrations.AddConstraint(
            model_name="emissionfactor",
            constraint=models.UniqueConstraint(
                fields=("factor_set", "zone", "site", "role", "kind", "starts_on"),
                name="factor_once",
                nulls_distinct=False,
            ),
        ),
        migrations.RunSQL(OF_THE_SET_S_ORGANISATION, NO_TRIGGER),
    ]
