"""Dynamic graph: sensors are nodes, and each window decides how strongly any two of them are linked.

Origin: S. Miao, L. Chen, R. Hu and Y. Luo, "Towards a dynamic inter-sensor correlations learning framework for
multi-sensor-based wearable human activity recognition", IMWUT 6(3), 2022 (DynamicWHAR). A filter over the channels of a
sensor and one over time, both shared by all sensors, make the features of a node; an edge mixes the features of two
nodes and gets a strength between 0 and 1; a node adds up its edges; all nodes together decide. Four things differ from
the authors' code. The first filter sees ``kernel_size`` timepoints, not one. The filter over time sees one feature at a
time, not five next to each other in the list of features. A node also has an edge to itself, so that one sensor alone
is a graph too. And edges are narrower: the sizes there are ``kernel_size = 1``, ``edge_width = 512`` and
``dropout = 0.6``. The map of two nodes to an edge is computed as two maps of one node: once a node, not once an edge.

Cost of a window of 125 x 45, 19 activities: 333,716 parameters, 1,731,232 multiply-accumulates.

Letters: N windows, T timepoints, C channels, S sensors, D channels of a sensor, M = N·S, U moments after the filter
over time, F features, E edges, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.sensors import filled_up, sensors_of
from har_core.models.registry import register_model


@register_model("dynamic_graph")
class DynamicGraph(nn.Module):
    """Features of each sensor, one exchange between sensors over edges that depend on the window, two linear layers."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        channels_per_sensor: int = 9,
        width: int = 32,
        kernel_size: int = 5,
        num_times: int = 8,
        edge_width: int = 128,
        hidden_size: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        for option, value in (
            ("channels_per_sensor", channels_per_sensor),
            ("width", width),
            ("num_times", num_times),
            ("edge_width", edge_width),
            ("hidden_size", hidden_size),
        ):
            require_option(value >= 1, option, value, "a whole number of at least 1")
        require_option(kernel_size >= 1 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        self.num_sensors, self.sensor_channels = sensors_of(num_channels, channels_per_sensor)
        node_width = width * num_times
        self.filters = nn.Sequential(
            nn.Conv1d(self.sensor_channels, width, kernel_size, padding=kernel_size // 2),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.times = nn.Linear(num_timepoints, num_times)
        self.times_norm = nn.BatchNorm1d(num_times)
        self.exchange = Exchange(self.num_sensors, node_width, edge_width)
        self.dropout = nn.Dropout(dropout)
        self.fusion = nn.Linear(self.num_sensors * (node_width + edge_width), hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NSF = self._nodes(x_NTC)
        x_NF = torch.cat([x_NSF, self.exchange(x_NSF)], dim=-1).flatten(start_dim=1)
        x_NF = self.fusion(self.dropout(x_NF)).relu()
        logits_NK: Tensor = self.head(self.dropout(x_NF))
        return logits_NK

    def _nodes(self, x_NTC: Tensor) -> Tensor:
        """Features of each sensor: (N, S, F·U)."""
        x_NTC = filled_up(x_NTC, self.num_sensors, self.sensor_channels)
        x_MDT = x_NTC.transpose(1, 2).reshape(-1, self.sensor_channels, x_NTC.shape[1])
        x_MFT = self.filters(x_MDT)
        x_MUF = self.times(x_MFT).transpose(1, 2)
        x_MUF = self.times_norm(x_MUF).relu()
        x_NSF: Tensor = x_MUF.reshape(-1, self.num_sensors, x_MUF.shape[1] * x_MUF.shape[2])
        return x_NSF


class Exchange(nn.Module):
    """What a node hears over its edges: (N, S, F) to (N, S, ``edge_width``)."""

    def __init__(self, num_sensors: int, in_features: int, edge_width: int) -> None:
        super().__init__()
        senders, receivers = (ends.clone() for ends in torch.triu_indices(num_sensors, num_sensors))
        ends_SE = torch.zeros(num_sensors, len(senders))
        ends_SE[senders, torch.arange(len(senders))] = 1
        ends_SE[receivers, torch.arange(len(senders))] = 1
        self.senders = nn.Buffer(senders, persistent=False)
        self.receivers = nn.Buffer(receivers, persistent=False)
        self.ends_SE = nn.Buffer(ends_SE / num_sensors, persistent=False)
        self.sender = nn.Linear(in_features, edge_width, bias=False)
        self.receiver = nn.Linear(in_features, edge_width)
        self.edge_norm = nn.BatchNorm1d(edge_width)
        self.strength = nn.Linear(edge_width, 1)
        self.node = nn.Linear(edge_width, edge_width)
        self.node_norm = nn.BatchNorm1d(edge_width)

    def forward(self, x_NSF: Tensor) -> Tensor:
        edges_NEF, strength_NE1 = self.edges(x_NSF)
        heard_NSF = self.ends_SE @ (edges_NEF * (1 + strength_NE1))
        return _by_feature(self.node_norm, self.node(heard_NSF)).relu()

    def edges(self, x_NSF: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, E, ``edge_width``) and strength (N, E, 1), from 0 to 1, of the edge between any two sensors."""
        sent_NEF, received_NEF = self.sender(x_NSF)[:, self.senders], self.receiver(x_NSF)[:, self.receivers]
        edges_NEF = _by_feature(self.edge_norm, sent_NEF + received_NEF).relu()
        return edges_NEF, self.strength(edges_NEF).sigmoid()


def _by_feature(norm: nn.BatchNorm1d, x_NSF: Tensor) -> Tensor:
    """Batch norm of each feature over all windows and sensors."""
    normalised: Tensor = norm(x_NSF.flatten(0, 1)).view_as(x_NSF)
    return normalised
