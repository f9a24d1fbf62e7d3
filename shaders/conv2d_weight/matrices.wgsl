// The gradient of a convolution's weight (NCHW) for GPUs whose subgroups multiply matrices of f16.
#import conv2d_weight_product
#import matrices
