//! The pages as a browser without JavaScript gets them: the states each can be in, and what its forms do.

mod account;
mod api_keys;
mod contrast;
mod deliveries;
mod embed;
mod history;
mod inbox;
mod incidents;
mod languages;
mod memory;
mod programs;
mod site;
mod status;
mod team;
mod telling;
mod viewers;
mod webhook_settings;
mod webhooks;
