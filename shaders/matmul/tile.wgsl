// Matrix product for GPUs, through tiles in shared memory.
#import matmul_product
#import tiles
