//! `profkit record`: real programs, real processes, real ends. Tests below `reference::` run on every Python.

mod agent;
mod awaits;
mod beside;
mod children;
mod churn;
mod coroutines;
mod depths;
mod dump;
mod embedded;
mod exact;
mod free_threaded;
mod front;
mod interpreter;
mod pause;
mod places;
mod programs;
mod result;
mod reuse;
mod sample;
mod seat;
mod survival;
mod top;
mod truth;
