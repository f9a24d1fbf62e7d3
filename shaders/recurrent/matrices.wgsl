// recurrent, lstm and gru, for GPUs whose subgroups multiply matrices of f16.
#import recurrent_product
#import matrices
