"""A Thrift server and client that are not ours (Apache Thrift for Python, Debian's python3-thrift).

usage: thrift_peer.py serve TRANSPORT PROTOCOL             says "ready listen=HOST:PORT"
       thrift_peer.py talk HOST:PORT TRANSPORT PROTOCOL    a conversation; says "talked"
       thrift_peer.py retried HOST:PORT TRANSPORT PROTOCOL    calls that are refused at first; says "answered at last"
       thrift_peer.py fails HOST:PORT TRANSPORT PROTOCOL WORDS    a call that must fail, with these words in its exception

TRANSPORT is framed or header, PROTOCOL binary or compact.
"""
import sys
import threading

from thrift.Thrift import TApplicationException, TException, TMessageType, TProcessor, TType
from thrift.protocol import TBinaryProtocol, TCompactProtocol, THeaderProtocol
from thrift.server import TServer
from thrift.transport import TSocket, TTransport
from thrift.transport.THeaderTransport import THeaderClientType

LARGE = "x" * (1 << 20)


def protocol(transport, kind):
    return {"binary": TBinaryProtocol.TBinaryProtocol, "compact": TCompactProtocol.TCompactProtocol}[kind](transport)


def write_text(out, name, kind, sequence, field, text):
    """A message whose struct has one field, a string; none when `text` is None."""
    out.writeMessageBegin(name, kind, sequence)
    out.writeStructBegin("message")
    if text is not None:
        out.writeFieldBegin("text", TType.STRING, field)
        out.writeString(text)
        out.writeFieldEnd()
    out.writeFieldStop()
    out.writeStructEnd()
    out.writeMessageEnd()
    out.trans.flush()


def read_text(source):
    """The one field of a struct as (id, text); of a declared exception its own field's text."""
    found = None
    source.readStructBegin()
    while True:
        _, kind, field = source.readFieldBegin()
        if kind == TType.STOP:
            break
        if kind == TType.STRING:
            found = (field, source.readString())
        elif kind == TType.STRUCT:
            found = (field, read_text(source)[1])
        else:
            source.skip(kind)
        source.readFieldEnd()
    source.readStructEnd()
    return found


class Service(TProcessor):
    """greet answers, refuse throws what it declares, hesitate does so when it hears a text for the first time, note is oneway; another
    method is unknown."""

    def __init__(self):
        self.notes = 0
        self.heard = set()

    def process(self, source, out):
        name, kind, sequence = source.readMessageBegin()
        argument = read_text(source)
        source.readMessageEnd()
        if name == "greet":
            write_text(out, name, TMessageType.REPLY, sequence, 0, "hello " + argument[1])
        elif name == "note":
            self.notes += 1
        elif name == "notes":
            write_text(out, name, TMessageType.REPLY, sequence, 0, str(self.notes))
        elif name == "hesitate" and argument[1] in self.heard:
            write_text(out, name, TMessageType.REPLY, sequence, 0, "yes, " + argument[1])
        elif name in ("refuse", "hesitate"):
            self.heard.add(argument[1])
            out.writeMessageBegin(name, TMessageType.REPLY, sequence)
            out.writeStructBegin("result")
            out.writeFieldBegin("refusal", TType.STRUCT, 1)
            out.writeStructBegin("Refusal")
            out.writeFieldBegin("why", TType.STRING, 1)
            out.writeString("not today")
            out.writeFieldEnd()
            out.writeFieldStop()
            out.writeStructEnd()
            out.writeFieldEnd()
            out.writeFieldStop()
            out.writeStructEnd()
            out.writeMessageEnd()
            out.trans.flush()
        else:
            error = TApplicationException(TApplicationException.UNKNOWN_METHOD, "unknown method " + name)
            out.writeMessageBegin(name, TMessageType.EXCEPTION, sequence)
            error.write(out)
            out.writeMessageEnd()
            out.trans.flush()
        return True


def serve(transport, kind):
    socket = TSocket.TServerSocket(host="127.0.0.1", port=0)
    socket.listen()
    print("ready listen=127.0.0.1:%d" % socket.handle.getsockname()[1], flush=True)
    socket.listen = lambda: None  # it does
    if transport == "header":
        transports, protocols = TTransport.TBufferedTransportFactory(), THeaderProtocol.THeaderProtocolFactory(
            allowed_client_types=(THeaderClientType.HEADERS,))
    else:
        transports = TTransport.TFramedTransportFactory()
        protocols = {"binary": TBinaryProtocol.TBinaryProtocolFactory, "compact": TCompactProtocol.TCompactProtocolFactory}[kind]()
    TServer.TThreadedServer(Service(), socket, transports, protocols, daemon=True).serve()


class Client:
    def __init__(self, address, transport, kind):
        host, port = address.rsplit(":", 1)
        socket = TSocket.TSocket(host, int(port))
        socket.setTimeout(20_000)
        if transport == "header":
            identity = {"binary": THeaderProtocol.THeaderSubprotocolID.BINARY, "compact": THeaderProtocol.THeaderSubprotocolID.COMPACT}
            self.protocol = THeaderProtocol.THeaderProtocol(socket, (THeaderClientType.HEADERS,), default_protocol=identity[kind])
            self.protocol.trans.set_header(b"tenant", b"blue")
        else:
            self.protocol = protocol(TTransport.TFramedTransport(socket), kind)
        socket.open()
        self.socket, self.sequence = socket, 0

    def call(self, method, text, oneway=False):
        self.sequence += 1
        write_text(self.protocol, method, TMessageType.ONEWAY if oneway else TMessageType.CALL, self.sequence, 1, text)
        if oneway:
            return None
        name, kind, sequence = self.protocol.readMessageBegin()
        if kind == TMessageType.EXCEPTION:
            error = TApplicationException()
            error.read(self.protocol)
            self.protocol.readMessageEnd()
            raise error
        result = read_text(self.protocol)
        self.protocol.readMessageEnd()
        assert (name, sequence) == (method, self.sequence), (name, sequence)
        return result


def expect_error(client, method, words):
    try:
        client.call(method, "x")
    except TApplicationException as error:
        assert words in error.message, error.message
        return
    raise AssertionError(method + " did not fail")


def talk(address, transport, kind):
    client = Client(address, transport, kind)
    for name in ["Ada", "", "grüße \N{WHITE SMILING FACE}", LARGE]:
        assert client.call("greet", name) == (0, "hello " + name)
    assert client.call("refuse", "x") == (1, "not today")
    expect_error(client, "nonsense", "unknown method nonsense")
    for _ in range(3):
        client.call("note", "x", oneway=True)
    assert int(client.call("notes", "x")[1]) >= 0, "the connection goes on after oneway calls"
    for number in range(300):
        assert client.call("greet", str(number)) == (0, "hello %d" % number)

    failures = []

    def many():
        try:
            own = Client(address, transport, kind)
            for number in range(100):
                assert own.call("greet", str(number)) == (0, "hello %d" % number)
        except (AssertionError, TException, OSError) as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    print("talked")


def retried(address, transport, kind):
    client = Client(address, transport, kind)
    for number in range(20):
        assert client.call("hesitate", str(number)) == (0, "yes, %d" % number)
        assert client.call("greet", "Ada") == (0, "hello Ada"), "the connection goes on"
    assert client.call("refuse", "x") == (1, "not today"), "what is refused every time is refused at last"
    print("answered at last")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    elif sys.argv[1] == "retried":
        retried(*sys.argv[2:])
    elif sys.argv[1] == "fails":
        expect_error(Client(*sys.argv[2:5]), "greet", sys.argv[5])
        print("failed as expected")
    else:
        talk(*sys.argv[2:])
