package clients_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"switchyard/internal/loadgen/clients"
	"switchyard/switch/front/lines/wire"
)

// gateway answers the first line of each connection by what say makes of it, and then echoes lines.
func gateway(t *testing.T, say func(line []byte) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				lines := bufio.NewScanner(conn)
				for first := true; lines.Scan(); first = false {
					text := lines.Text()
					if first {
						text = say(lines.Bytes())
					}
					if _, err := fmt.Fprint(conn, text, "\n"); err != nil || text == "" {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// A hello is said on each connection, and what comes behind its answer is left for who reads on.
func TestHello(t *testing.T) {
	address := gateway(t, func(line []byte) string {
		var l wire.Line
		if err := wire.DecodeLine(line, &l); err != nil || !strings.Contains(string(line), `"shop"`) {
			t.Errorf("the first line is %s: %v", line, err)
		}
		return string(wire.AppendHelloAnswer(nil, "hello", "shop"))
	})
	conns, err := clients.DialGateway(t.Context(), address, 2, clients.Hello{Gateway: "shop", Secret: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		fmt.Fprintln(c, "next")
		if text, err := bufio.NewReader(c).ReadString('\n'); err != nil || text != "next\n" {
			t.Errorf("then comes %q, %v", text, err)
		}
		c.Close()
	}
}

func TestHelloThatIsNotTaken(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"refused":  {`{"id":"hello","error":{"code":"unauthorized","message":"no such gateway"}}`, "no such gateway"},
		"garbage":  {"ni hao", "what came is no answer"},
		"too much": {strings.Repeat("x", 5000), "an answer of more than 4096 bytes"},
		"silence":  {"", "hello: "},
	} {
		_, err := clients.DialGateway(
			t.Context(), gateway(t, func([]byte) string { return c.answer }), 1, clients.Hello{Gateway: "shop", Secret: "x"})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}
