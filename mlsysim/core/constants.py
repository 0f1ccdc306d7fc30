"""Units and link speeds under the names that analyses use; each comes from `units` or from the record of a fabric."""

from mlsysim.systems.registry import Fabrics
from mlsysim.units import Q_, ureg

NVLINK_A100_BW = Fabrics.NVLink_3.bandwidth
NVLINK_H100_BW = Fabrics.NVLink_4.bandwidth
NVLINK_B200_BW = Fabrics.NVLink_5.bandwidth
INFINIBAND_HDR_BW = Fabrics.InfiniBand_HDR.bandwidth
INFINIBAND_NDR_BW = Fabrics.InfiniBand_NDR.bandwidth

__all__ = ["INFINIBAND_HDR_BW", "INFINIBAND_NDR_BW", "NVLINK_A100_BW", "NVLINK_B200_BW", "NVLINK_H100_BW", "Q_", "ureg"]
