//! What each command does.

mod account;
mod doctor;
mod fsck;
mod import;
mod jobs;
mod lb;
mod serve;
mod settings;
mod store;
mod upload;

use anyhow::anyhow;
use std::{io::Write, process::ExitCode};
use virga_core::paths::RoleName;

use crate::{
    cli::{Cli, Command, Listen},
    config::{self, Flags, Loaded},
    parts,
};

/// Says on standard error why a command failed, with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "virga: {error:#}");
}

/// A command's answer: one line on standard output.
pub(crate) fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::LaunchFfmpeg { args } = cli.command {
        return Ok(virga_dispatcher::launch(args));
    }
    let listen = match &cli.command {
        Command::Serve(Listen { listen })
        | Command::Web(Listen { listen })
        | Command::Api(Listen { listen })
        | Command::Stream(Listen { listen })
        | Command::Dispatcher(Listen { listen }) => listen.clone(),
        _ => None,
    };
    let loaded = config::load(&Flags {
        global: config::find(cli.global),
        listen,
    })?;
    if cli.command.works_on_a_site() {
        name_the_site(&loaded);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(answer(cli.command, loaded));
    runtime.shutdown_background();
    code
}

/// Says on standard error which site a command works on: there may be several on a machine.
fn name_the_site(loaded: &Loaded) {
    let (global, config) = (&loaded.flags.global, &loaded.config);
    let lines = [config::named(global, config), config::as_root(config)];
    for line in lines.into_iter().flatten() {
        let _ = writeln!(std::io::stderr(), "virga: {line}");
    }
}

async fn answer(command: Command, loaded: Loaded) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(_) => return serve::run(loaded, None).await,
        Command::Web(_) => return serve::run(loaded, Some(RoleName::Web)).await,
        Command::Api(_) => return serve::run(loaded, Some(RoleName::Api)).await,
        Command::Stream(_) => return serve::run(loaded, Some(RoleName::Stream)).await,
        Command::Dispatcher(_) => return serve::run(loaded, Some(RoleName::Dispatcher)).await,
        _ => {}
    }
    if let Command::Config(which) = &command {
        return settings::run(which, &loaded);
    }
    let config = loaded.config;
    match command {
        Command::Migrate {
            print: Some(engine),
        } => {
            say(engine.script());
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { print: None } => {
            parts::make_site(&config).await?;
            say("The database is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Command::User(user) => account::run(&config, user).await,
        Command::Jobs(which) => jobs::run(&config, which).await,
        Command::Lb { engine } => {
            say(lb::configuration(engine, &config.balancer)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Fsck(options) => Ok(fsck::run(&config, &options).await),
        Command::Store(which) => store::run(&config, &which).await,
        Command::Upload(options) => upload::run(&options).await,
        Command::Doctor => doctor::run(&config).await,
        Command::Serve(_)
        | Command::Web(_)
        | Command::Api(_)
        | Command::Stream(_)
        | Command::Dispatcher(_)
        | Command::Config(_)
        | Command::LaunchFfmpeg { .. } => Err(anyhow!("this was run already")),
    }
}
