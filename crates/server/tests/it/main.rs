//! The real binary, from outside: started as a process on a real file, called over REST, delivering to real
//! receivers, killed, and judged by what its producers and receivers have seen.

mod activity;
mod audit;
mod browser;
mod certificates;
mod cli;
mod client;
mod connections;
mod crash;
mod delivery;
mod docs;
mod embed;
mod emit;
mod event_stream;
#[cfg(target_os = "linux")]
mod failing_disk;
mod headers;
mod inbox;
mod live;
mod log;
mod mail;
mod metrics;
mod monitoring;
mod nodes;
mod oidc;
mod other_sites;
mod pages;
mod partitions;
mod passing_time;
mod planted_secrets;
mod ports;
mod process;
mod receiver;
mod rest;
mod server;
mod server_sent;
mod sign_in;
mod status;
mod statuspage;
mod team;
mod traces;
mod upgrade;
mod waiting;
mod who_may;
