"""`tiercel serve`: the gateway. SIGHUP reloads, SIGTERM and Ctrl-C drain."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from tiercel import __version__
from tiercel.cli.configuration import Loaded, add_file_arguments, load_configuration
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Policy
from tiercel.domain.settings import ContentKept, Settings
from tiercel.gateway.logs import configure_logs

log = logging.getLogger("tiercel")

T = TypeVar("T")

KEPT: dict[ContentKept, str] = {
    "none": "are not stored",
    "hashes": "are stored as hashes",
    "redacted": "are stored redacted",
    "full": "are stored in full",
}


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("serve", help="run the gateway", description=__doc__)
    add_file_arguments(parser)
    parser.add_argument("--host", help="address to listen on (default: the file's, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: the file's, else 4100)")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    configure_logs(args.log_level)
    run_async(_serve(args))
    return 0


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # not on Windows

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


async def _serve(args: argparse.Namespace) -> None:
    from tiercel.gateway.app import OpenRuntime, running  # after the arguments, so that --help is quick
    from tiercel.gateway.dashboard.listener import serving_dashboard
    from tiercel.gateway.process import allow_many_files, settle

    allow_many_files()
    loaded = load_configuration(args)
    settings = _with_overrides(loaded.settings, args)
    configure_logs(args.log_level, settings)
    if not settings.catalog.deployments:
        raise ConfigError(*_nothing_to_serve(loaded))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def reload(opened: OpenRuntime) -> None:
        try:
            again = load_configuration(args)
            opened.reload(_with_overrides(again.settings, args), again.policy)
            configure_logs(args.log_level, again.settings)
        except ConfigError as error:
            for problem in error.problems:
                log.error("reload refused, the old configuration stays: %s", problem)
        else:
            log.info("reloaded: settings %s, policy %s", again.settings.hash, again.policy.hash)

    async with (
        running(settings, loaded.policy) as gateway,
        serving_dashboard(gateway, settings.listener.port) as dashboard,
    ):
        settle()
        if sys.platform != "win32":  # there, Ctrl-C cancels this task, which drains as well
            loop.add_signal_handler(signal.SIGTERM, stopped.set)
            loop.add_signal_handler(signal.SIGINT, stopped.set)
            loop.add_signal_handler(signal.SIGHUP, reload, gateway.open_runtime)
        needs_key = gateway.runtime.state.admission.needs_key
        told = banner(gateway.base_url, loaded, settings, needs_key=needs_key, dashboard=dashboard)
        print(told, file=sys.stderr, flush=True)
        await stopped.wait()
        gateway.runtime.draining = True
        log.info("draining: running answers may finish within %g seconds", settings.listener.drain_seconds)
    log.info("stopped")


def _with_overrides(settings: Settings, args: argparse.Namespace) -> Settings:
    listener = settings.listener
    if args.host is not None:
        listener = msgspec.structs.replace(listener, host=args.host)
    if args.port is not None:
        listener = msgspec.structs.replace(listener, port=args.port)
    return msgspec.structs.replace(settings, listener=listener)


def _nothing_to_serve(loaded: Loaded) -> list[str]:
    missing = ", ".join(loaded.settings.missing_keys)
    return [
        f"no model can be reached: {loaded.settings_source} names no provider whose key is set"
        + (f" (missing: {missing})" if missing else ""),
        "set a key, for example: export OPENROUTER_API_KEY=…   or try it without any key: tiercel demo",
        *loaded.notices,
    ]


def banner(
    base_url: str, loaded: Loaded, settings: Settings, *, needs_key: bool, dashboard: str | None = None
) -> str:
    """What was found, and how to call it."""
    catalog = settings.catalog
    lines = [
        f"Tiercel {__version__} at {base_url}",
        f"  settings   {loaded.settings_source}",
        f"  policy     {loaded.policy_source} ({loaded.policy.hash}), {len(loaded.policy.rules)} rules",
        f"  providers  {', '.join(sorted({d.provider.name for d in catalog.deployments.values()}))}",
    ]
    if settings.missing_keys:
        lines.append(f"  no key for {', '.join(settings.missing_keys)}")
    for tier, members in _tiers(loaded.policy, settings).items():
        lines.append(f"  {tier:<10} {', '.join(members) or 'nobody: no member has a key'}")
    keys = "keys required" if needs_key else "no keys: this machine only (tiercel keys create makes one)"
    lines += [
        f"  records    {settings.storage.folder} (prompts and answers {KEPT[settings.storage.content]})",
        f"  access     {keys}",
        f"  dashboard  {dashboard or 'off ([dashboard] enabled)'}",
        "",
        f"  curl {base_url}/v1/chat/completions -H 'content-type: application/json' \\",
        *(['    -H "authorization: Bearer $TIERCEL_KEY" \\'] if needs_key else []),
        '    -d \'{"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}\'',
        "",
    ]
    return "\n".join(lines)


def _tiers(policy: Policy, settings: Settings) -> dict[str, list[str]]:
    """The members of each tier that can be reached."""
    reachable = {d.model.name for d in settings.catalog.deployments.values()} | set(
        settings.catalog.deployments
    )
    return {
        name: [member for member in tier.members if member.partition("@")[0] in reachable]
        for name, tier in policy.tiers.items()
    }
