// recurrent, lstm and gru, for GPUs, through tiles in shared memory.
#import recurrent_product
#import tiles
