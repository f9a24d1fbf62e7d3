enable f16;
enable wgpu_cooperative_matrix;
alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias MatrixC = coop_mat16x16<f32, C>;
const SIDE: u32 = 16;
const DOWN: u32 = 2;
const ACROSS: u32 = 2;
const ROWS: u32 = 64;
const COLUMNS: u32 = 64;
const DEPTH: u32 = 32;
const WORKGROUP: u32 = 128;
#set DOWN 2
#set ACROSS 2
#set STEPS 2
#set LOWS 1
#set LOADS_A 1
#set LOADS_B 1
#set HIGHS_ALONE 0
#set FOUR 4
