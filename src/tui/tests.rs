//! The screens as people meet them: snapshots by size and state, and scripts of keys through the real update.

mod decisions;
mod harness;
mod keys;
mod live;
mod screens;
