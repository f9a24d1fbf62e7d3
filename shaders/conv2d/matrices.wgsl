// Dense or grouped 2-d convolution (NCHW) for GPUs whose subgroups multiply matrices of f16.
#import conv2d_product
#import matrices
