// Package ceiling is a gateway port with nothing behind it: it approves each line at once. What [switchctl load]
// reaches against it is the most that the tool itself can do on a machine, and what it takes of the processors for a
// request.
package ceiling

import (
	"bytes"
	"net"
)

// Parts of the lines: of a request up to its id, of an answer before and behind it. The answer has the members of the
// switch's own, in their order.
const (
	lineID   = `{"id":"`
	approval = `","op":"authorize","payment":"P00000000001","status":"authorized","approved":true,"response_code":"00",` +
		`"reason":"approved"}` + "\n"
)

// readSize is what a connection is read by; a longer line ends it.
const readSize = 256 << 10

// Serve answers on connections until the listener is closed.
func Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// serve answers all lines of a read in one write.
func serve(conn net.Conn) {
	in, out := make([]byte, readSize), make([]byte, 0, readSize)
	for filled := 0; filled < len(in); {
		n, err := conn.Read(in[filled:])
		if err != nil {
			return
		}
		filled += n
		rest := in[:filled]
		for out = out[:0]; ; {
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				break
			}
			out = appendAnswer(out, rest[:end])
			rest = rest[end+1:]
		}
		filled = copy(in, rest)
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// appendAnswer appends the answer to a line, none where it has no id.
func appendAnswer(out, line []byte) []byte {
	line, ok := bytes.CutPrefix(line, []byte(lineID))
	if !ok {
		return out
	}
	id, _, ok := bytes.Cut(line, []byte{'"'})
	if !ok {
		return out
	}
	out = append(out, lineID...)
	out = append(out, id...)
	return append(out, approval...)
}
