"""The refresh of the KPIs as Dagster assets, jobs and schedules, and the `kpilote` command.

Belongs here: what depends on what, when it runs, in which order, how often it is tried again and what a person sees
of it. Does not belong here: any business logic. Pulling is `ingestion`, modelling `dbt_project`, judging
`expectations`, publishing `serving`; each of them runs and is tested without Dagster.

    ingestion.lake.pull → gate raw → dbt unified → gate unified → dbt core, attribution → gate marts → dbt kpi → gate
    marts → serving.release.publish → scorecard page
"""
