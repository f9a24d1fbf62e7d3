// Matrix product for GPUs whose subgroups multiply matrices of f16.
#import matmul_product
#import matrices
