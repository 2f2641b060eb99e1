"""The table of the cache that needs no broker (`CACHES`)."""

from django.db import migrations


class Migration(migrations.Migration):
    """What `manage.py createcachetable` would make, for every installation alike."""

    dependencies = [("emissions", "0004_pools")]

    operations = [
        migrations.RunSQL(
            [
                "CREATE TABLE tonne_cache (cache_key varchar(255) PRIMARY KEY,"
                " value text NOT NULL, expires timestamptz NOT NULL)",
                "CREATE INDEX tonne_cache_expires ON tonne_cache (expires)",
            ],
            "DROP TABLE tonne_cache",
        )
    ]
