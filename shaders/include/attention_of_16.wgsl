enable f16;
enable wgpu_cooperative_matrix;
alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias MatrixC = coop_mat16x16<f32, C>;
const SIDE: u32 = 16;
const STEPS: u32 = 2;
const VALUES: u32 = 1;
const KEYS: u32 = 32;
const WORKGROUP: u32 = 128;
#set STEPS 2
#set VALUES 1
#set BLOCKS 2
#set LOWS 1
#set HIGHS_ALONE 0
