// The gradient of a convolution's weight (NCHW) for GPUs, through tiles in shared memory.
#import conv2d_weight_product
#import tiles
