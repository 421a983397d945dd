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
}
"""Methods of objects whose class no line tells, by the libraries of which the module must use one."""


def is_connector(target: str, name: str, roots: frozenset[str]) -> bool:
    """Whether the absolute name, or the last name in a module that uses some libraries, opens a connection."""
    return target in CONNECTORS or (name in METHODS and not roots.isdisjoint(METHODS[name].split()))
