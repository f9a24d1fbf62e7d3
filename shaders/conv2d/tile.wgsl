// Dense or grouped 2-d convolution (NCHW) for GPUs, through tiles in shared memory.
#import conv2d_product
#import tiles
