"""The centre: one PostgreSQL database to which the gateways of many schools forward."""
