"""Which environment variable a call reads, and whether a name can be that of a switch."""

import re
from collections.abc import Iterator
from functools import cache

from noegress.finding import Basis, KillSwitch
from noegress.scan.facts.facts import Call
from noegress.scan.program.built_switches import switch_value
from noegress.scan.program.evaluation import Evaluator, dotted_of
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.program import Program

MAX_NAME = 200  # characters; the patterns below take the square of a text
_NAME = re.compile(r"\A_?[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\Z|\A(CI|OFFLINE|TELEMETRY)\Z")
_READERS = re.compile(
    r"environ|getenv|(^|[._])env($|[._])|env_?(bool|flag|var|str|int|entry|setting|option|key)|from_env|getEnv|read_env|get_env|_env$|strtobool|_bool$|is_?true|truthy|bool|flag",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"^(?!\w*(VERSION_CHECK|CHECK_\w*VERSION|DISABLE|NO_UPDATE))(PYTEST_\w+|XDG_\w+|COLAB_\w+|KAGGLE_\w+|SSL_\w+|LC_\w+|PYTHON\w+|LD_\w+|VIRTUAL_ENV|CONDA_\w+|TERM_\w+|NO_COLOR|FORCE_COLOR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|"
    r"\w*(API_KEY|_TOKEN|SECRET|PASSWORD|_PROXY|_CERT|_DIR|_PATH|_HOME|_PORT|LOG_LEVEL|_TIMEOUT|_USER|USERNAME|_ID|_REGION|_FILE|_FOLDER|_ENDPOINT|_URI|_URL|_PROTOCOL|_OPTIONS|_NAME|_SIZE|_HOST|_INTERVAL|_ENVIRONMENT|_SOURCE|_API|_MODE|_TYPE|_HEADERS|_MODEL|_FORMAT|_INLINE|_STAGING|_SERVER|_RATE|_TTL|_SECONDS|_MINUTES|_HOURS|_DAYS|_WEEKS|_THRESHOLD|_PERIOD|_FREQUENCY|_CAPACITY|_TOKENS|_BUCKET|_VERSION|_KEY|_COUNTS?|_RATIO|_VER|_BARS?|_COMPRESSION|_BYTES|_WORKERS|_THREADS|_RETRIES|_LEVEL|_LIMIT|_AGE|_PREFIX|_SUFFIX|_PROJECT|_WORKSPACE|_DEVICE|_BACKEND|_PATHS|_ROOT|_LOCATION|_CACHE)|_?(\w+_)?TEST(ING|S|ED)?(_\w+)?|GITHUB_\w+|GITLAB_\w+|AWS_\w+|AZURE_\w+|GOOGLE_\w+|"
    r"JUPYTER\w*|JPY_\w+|SPARK_\w+|DATABRICKS_\w+|APPVEYOR\w*|TRAVIS\w*|BUILDKITE\w*|CIRCLE\w*|WT_\w+|SLURM_\w+|KUBERNETES_\w+|NUMBER_OF_\w+|PROCESSOR_\w+|COMSPEC|SYSTEMROOT|RUNNER_\w+|DEV_\w+|\w*_DEBUG|DEBUG_\w+|BITBUCKET\w*|JENKINS\w*|TEAMCITY\w*|TF_BUILD|CODEBUILD\w*|LOCAL_\w+|WORLD_SIZE|TRUST_REMOTE_CODE|RANK|\w*_RANK)$"
)
_DOTTED = re.compile(r"\A[a-z][a-z0-9]*(\.[a-z0-9_]+){1,4}\Z")
_OPPOSITES = {
    "True": "False", "true": "false", "1": "0", "yes": "no", "on": "off", "False": "True", "false": "true", "0": "1", "no": "yes", "off": "on",
}  # fmt: skip


def is_switch_name(name: str) -> bool:
    """Whether a text is the name of a variable that may turn something off: no folder, token or limit."""
    return len(name) <= MAX_NAME and bool(_NAME.match(name)) and not _NEVER.match(name)


class VariableReader:
    """Reads the calls that ask for variables."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._read: dict[int, tuple[KillSwitch, ...]] = {}
        self._tops = {top.partition("_")[0] for top in program.tops}

    def read_by(self, module: Module, call: Call) -> tuple[KillSwitch, ...]:
        """The variables that a call reads, mostly one or none; asked once of a call, which lives as long as the program."""
        key = id(call)
        if key not in self._read:
            self._read[key] = tuple(self._find(module, call))
        return self._read[key]

    def _find(self, module: Module, call: Call) -> Iterator[KillSwitch]:
        dotted = dotted_of(call.function) or tail_of(call.function)
        keyed = [
            value
            for key, value in call.keywords
            if key in ("envvar", "env", "env_var", "validation_alias", "auto_envvar")
        ]
        if not keyed and not _is_reader(dotted):
            return
        environ = "environ" in dotted or "getenv" in dotted
        for node in [*call.arguments[: 1 if environ else 2], *keyed]:
            for value in self.evaluator.values(module, node, call.scope)[:80]:
                name = self._spelled(value.text)
                if is_switch_name(name) and (environ or "_" in name):
                    yield KillSwitch(
                        name=name,
                        value=self._value(module, call, name),
                        basis=Basis.INFERRED,
                        source=f"{module.path}:{call.line}",
                    )

    def _value(self, module: Module, call: Call, name: str) -> str:
        """Written as the default of the reading is written: ``"True"`` asks for ``False``, ``"on"`` for ``off``."""
        for node in call.arguments[1:2]:
            for value in self.evaluator.values(module, node, call.scope):
                opposite = _OPPOSITES.get(value.text)
                if opposite is not None:
                    return opposite
        return switch_value(name)

    def _spelled(self, text: str) -> str:
        """The variable of a dotted option: ``acme.telemetry.enable`` is ``ACME_TELEMETRY_ENABLE`` where the project is acme."""
        if _DOTTED.match(text) and text.partition(".")[0] in self._tops:
            return text.replace(".", "_").upper()
        return text


@cache
def _is_reader(dotted: str) -> bool:
    return _READERS.search(dotted) is not None
