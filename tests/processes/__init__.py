"""Real programs for the tests on free loopback ports: brokers, databases, the service."""

from .ports import free_port, wait_for_port
from .servers import (
    Alertmanager,
    InfluxDB,
    Mosquitto,
    Nats,
    NatsCluster,
    Server,
    VictoriaMetrics,
    mosquitto_program,
    program,
)
from .service import ENVIRONMENT, PASSWORD, Service, close_clients, sign_in, twinward
from .waiting import unavailable, until

__all__ = [
    "ENVIRONMENT",
    "PASSWORD",
    "Alertmanager",
    "InfluxDB",
    "Mosquitto",
    "Nats",
    "NatsCluster",
    "Server",
    "Service",
    "VictoriaMetrics",
    "close_clients",
    "free_port",
    "mosquitto_program",
    "program",
    "sign_in",
    "twinward",
    "unavailable",
    "until",
    "wait_for_port",
]
