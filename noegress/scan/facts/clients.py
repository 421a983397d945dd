"""What opens a connection: constructors and functions by their absolute names, and whether a call is one of them."""

CONNECTORS = frozenset(
    [
        "asyncio.open_connection",
        "asyncio.create_connection",
        "socket.create_connection",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyname_ex",
        "http.client.HTTPSConnection",
        "http.client.HTTPConnection",
        "urllib3.HTTPSConnectionPool",
        "urllib3.HTTPConnectionPool",
        "urllib3.connection_from_url",
        "urllib3.connectionpool.connection_from_url",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "smtplib.LMTP",
        "aiosmtplib.send",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "telnetlib.Telnet",
        "nntplib.NNTP",
        "nntplib.NNTP_SSL",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "poplib.POP3",
        "poplib.POP3_SSL",
        "multiprocessing.connection.Client",
        "logging.handlers.SysLogHandler",
        "logging.handlers.HTTPHandler",
        "logging.handlers.SocketHandler",
        "logging.handlers.DatagramHandler",
        "logging.handlers.SMTPHandler",
        "xmlrpc.client.ServerProxy",
        "xmlrpc.client.Server",
        "websocket.WebSocketApp",
        "websocket.create_connection",
        "websockets.connect",
        "websockets.sync.client.connect",
        "grpc.insecure_channel",
        "grpc.secure_channel",
        "grpc.aio.insecure_channel",
        "grpc.aio.secure_channel",
        "dns.resolver.resolve",
        "dns.resolver.query",
        "dns.asyncresolver.resolve",
        "paramiko.Transport",
        "asyncssh.connect",
        "redis.Redis",
        "redis.StrictRedis",
        "redis.from_url",
        "redis.Redis.from_url",
        "psycopg.connect",
        "psycopg2.connect",
        "asyncpg.connect",
        "asyncpg.create_pool",
        "pymysql.connect",
        "mysql.connector.connect",
        "pymongo.MongoClient",
        "motor.motor_asyncio.AsyncIOMotorClient",
        "ssl.get_server_certificate",
        "statsd.StatsClient",
        "statsd.TCPStatsClient",
        "ldap3.Server",
        "ldap.initialize",
        "pika.ConnectionParameters",
        "pika.URLParameters",
        "kafka.KafkaProducer",
        "kafka.KafkaConsumer",
        "confluent_kafka.Producer",
        "nats.connect",
        "influxdb_client.InfluxDBClient",
        "influxdb.InfluxDBClient",
        "elasticsearch.Elasticsearch",
        "opensearchpy.OpenSearch",
        "clickhouse_connect.get_client",
        "clickhouse_driver.Client",
        "memcache.Client",
        "pymemcache.client.base.Client",
        "cassandra.cluster.Cluster",
        "neo4j.GraphDatabase.driver",
        "ibm_db.connect",
        "oracledb.connect",
        "pyodbc.connect",
        "sqlalchemy.create_engine",
        "pysftp.Connection",
        "fabric.Connection",
        "zeep.Client",
        "suds.client.Client",
        "mechanize.urlopen",
        "dns.query.udp",
        "dns.query.tcp",
        "dns.query.https",
        "ntplib.NTPClient.request",
        "webbrowser.open",
        "webbrowser.open_new",
        "webbrowser.open_new_tab",
    ]
)
"""Calls that take a host, an address or a tuple of host and port."""

METHODS = {
    "create_connection": "asyncio",
    "create_datagram_endpoint": "asyncio",
    "open_connection": "asyncio",
    "connect": "paho paramiko zmq smtplib ftplib",
    "resolve": "dns",
    "setopt": "pycurl",
}
"""Methods of objects whose class no line tells, by the libraries of which the module must use one."""


CLIENTS = frozenset(
    [
        "requests",
        "httpx",
        "urllib",
        "urllib3",
        "urllib2",
        "aiohttp",
        "http",
        "httplib",
        "httplib2",
        "socket",
        "niquests",
        "curl_cffi",
        "pycurl",
        "treq",
        "tornado",
        "websockets",
        "websocket",
        "grpc",
        "xmlrpc",
        "ftplib",
        "smtplib",
        "cloudscraper",
        "primp",
        "requests_cache",
        "requests_toolbelt",
        "aiohttp_retry",
        "http3",
        "uplink",
        "wget",
        "pyodide",
        "socks",
    ]
)
"""Packages that are HTTP clients, or sockets."""

VERBS = frozenset(
    [
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "request",
        "urlopen",
        "urlretrieve",
        "Request",
        "retrieve",
        "fetch",
        "open",
        "stream",
        "send",
        "ws_connect",
        "connect",
        "HTTPSConnection",
        "HTTPConnection",
        "create_connection",
        "sendto",
        "getaddrinfo",
        "gethostbyname",
        "ServerProxy",
        "download",
        "getresponse",
        "SSE",
        "json_request",
    ]
)
"""Functions of clients, by their last names."""

CONNECTING = frozenset(name.partition(".")[0] for name in CONNECTORS)
CONNECTED = frozenset(name.rpartition(".")[2] for name in CONNECTORS)
"""The packages and the last names of ``CONNECTORS``."""


def is_connector(target: str, name: str, roots: frozenset[str]) -> bool:
    """Whether the absolute name, or the last name in a module that uses some libraries, opens a connection."""
    return target in CONNECTORS or (name in METHODS and not roots.isdisjoint(METHODS[name].split()))


def is_opening(target: str) -> bool:
    """Whether an absolute name is a function of a client, or opens a connection."""
    return target in CONNECTORS or is_client(target)


def is_client(target: str) -> bool:
    """Whether an absolute name is a function of a client."""
    root, _, rest = target.partition(".")
    return root in CLIENTS and rest.rpartition(".")[2] in VERBS
