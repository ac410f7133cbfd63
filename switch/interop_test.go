package txswitch_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// moovSpec is moov-io/iso8583's stock spec of ISO 8583:1987 in ASCII (v0.26.1, specs.Spec87ASCII, as its own builder
// writes it) as its users have to correct it: a bitmap of 64 bits that a second one may follow, not of 128 always, and
// DE70 and 95, which it does not have.
func moovSpec() (*iso8583.MessageSpec, error) {
	file, err := os.Open("testdata/moov-spec87ascii.json")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s, err := spec.LoadFile(file.Name(), file)
	if err != nil {
		return nil, err
	}
	s.Fields[1] = field.NewBitmap(&field.Spec{
		Length: 8, Description: "Bitmap", Enc: encoding.BytesToASCIIHex, Pref: prefix.Hex.Fixed,
	})
	for de, length := range map[int]int{70: 3, 95: 42} {
		s.Fields[de] = field.NewString(&field.Spec{
			Length: length, Description: fmt.Sprint("DE", de), Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed,
		})
	}
	return s, nil
}

// moovRead reads a frame with moov-io/iso8583 alone.
func moovRead(r io.Reader) (*iso8583.Message, string, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, "", err
	}
	raw := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, "", err
	}
	s, err := moovSpec()
	if err != nil {
		return nil, "", err
	}
	m := iso8583.NewMessage(s)
	if err := m.Unpack(raw); err != nil {
		return nil, "", err
	}
	mti, err := m.GetMTI()
	return m, mti, err
}

// moovWrite writes a message of fields.
func moovWrite(w io.Writer, mti string, fields map[int]string) error {
	s, err := moovSpec()
	if err != nil {
		return err
	}
	m := iso8583.NewMessage(s)
	m.MTI(mti)
	for de, value := range fields {
		if err := m.Field(de, value); err != nil {
			return err
		}
	}
	raw, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
	return err
}

// moovHost is an issuer that is made of moov-io/iso8583 and approves everything.
func moovHost(conn net.Conn, faults chan<- error) {
	defer conn.Close()
	for {
		m, mti, err := moovRead(conn)
		if err != nil {
			faults <- err
			return
		}
		answer := map[int]string{39: "00"}
		for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70} {
			if !m.Bitmap().IsSet(de) {
				continue
			}
			if answer[de], err = m.GetString(de); err != nil {
				faults <- err
				return
			}
		}
		if mti == "0100" {
			answer[38] = "MOOV01"
		}
		if err := moovWrite(conn, mti[:2]+string(mti[2]+1)+"0", answer); err != nil {
			faults <- err
			return
		}
	}
}

// TestHostOfMoov authorizes and captures at a host that is made of moov-io/iso8583 with its stock spec.
func TestHostOfMoov(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	faults := make(chan error, 64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go moovHost(conn, faults)
		}
	}()
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: l.Addr().String()})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("moov", 12345))
	if !a.Approved || a.AuthCode != "MOOV01" {
		t.Errorf("authorize: %+v", a)
	}
	if c := s.Do(switchtest.On(api.OpCapture, "moov-capture", a.Payment, 10000)); !c.Approved {
		t.Errorf("capture: %+v", c)
	}
	s.AwaitDrained() // the host has acknowledged its 0220
	select {
	case err := <-faults:
		t.Errorf("the host: %v", err)
	default:
	}
}

// TestClientOfMoov signs on to issuer-sim, authorizes and reverses with moov-io/iso8583 and its stock spec.
func TestClientOfMoov(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	conn, err := net.Dial("tcp", s.IssuerPort())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	const at = "1126080501"
	payment := map[int]string{
		2: "4000000000000002", 3: "000000", 4: "000000001000", 7: at, 11: "000002", 12: "080501", 13: "1126", 14: "3112",
		18: "5411", 22: "010", 25: "00", 32: "400009", 37: "633008000002", 41: "TERM0001", 42: "MERCHANT-000001", 49: "978",
	}
	reversal := map[int]string{}
	for de, value := range payment {
		switch de {
		case 14, 18, 22:
		default:
			reversal[de] = value
		}
	}
	reversal[11] = "000003"
	reversal[90] = "0100" + "000002" + at + "00000400009" + "00000000000"
	for _, c := range []struct {
		mti    string
		fields map[int]string
		want   string
	}{
		{"0800", map[int]string{7: at, 11: "000001", 70: "001"}, "0810"},
		{"0100", payment, "0110"},
		{"0400", reversal, "0410"},
	} {
		if err := moovWrite(conn, c.mti, c.fields); err != nil {
			t.Fatal(c.mti, err)
		}
		m, mti, err := moovRead(conn)
		if err != nil || mti != c.want {
			t.Fatalf("to %s: %s, %v", c.mti, mti, err)
		}
		code, _ := m.GetString(39)
		stan, _ := m.GetString(11)
		if code != "00" || stan != c.fields[11] {
			t.Errorf("to %s: DE39 %s, DE11 %s", c.mti, code, stan)
		}
	}
}

// TestForeignAnswerIsExplained: an answer in another dialect is refused, and the log of strays says what it looks like.
func TestForeignAnswerIsExplained(t *testing.T) {
	bcd := spec.MustCodec(spec.BCDDialect)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered := make(chan net.Conn, 1) // over which the first foreign answer went
	serve := func(conn net.Conn) {
		defer conn.Close()
		for {
			m, mti, err := moovRead(conn)
			if err != nil {
				return
			}
			answer := map[int]string{39: "00"}
			for _, de := range []int{7, 11, 70} {
				if m.Bitmap().IsSet(de) {
					answer[de], _ = m.GetString(de)
				}
			}
			if mti == "0800" {
				err = moovWrite(conn, "0810", answer)
			} else {
				foreign := new(spec.Message)
				foreign.SetMTI("0110")
				foreign.Set(2, switchtest.GoodCard)
				foreign.Set(7, "1126080501")
				foreign.Set(11, "000001")
				foreign.Set(39, "00")
				var frame []byte
				if frame, err = bcd.PackFrame(nil, foreign); err == nil {
					_, err = conn.Write(frame)
				}
				select {
				case answered <- conn:
				default:
				}
			}
			if err != nil {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: l.Addr().String(), Deadline: time.Minute})
	s.AwaitReady()
	answer := inFlight(t, s, switchtest.Authorize("foreign", 1000))
	var kept string
	s.Await("it is explained", func() bool {
		s.Operator("GET", "/v1/strays", &kept)
		return strings.Contains(kept, "a binary bitmap where a hex one is configured") &&
			strings.Contains(kept, "looks like binary2 with iso87b") // iso87bcd, and iso87binary-jpos reads it as well
	})
	(<-answered).Close() // so that the wait has an end, after the frame
	a := answer()
	if a.Approved {
		t.Errorf("authorize: %+v", a)
	}
	told := events(s, a.Payment)
	unread, silence := told["unread"], told["silence"]
	if !strings.HasPrefix(unread.Text, "1 frame from issuer/") ||
		!strings.Contains(unread.Text, "a binary bitmap where a hex one is configured") ||
		unread.At.IsZero() || unread.At.After(silence.At) {
		t.Errorf("the story tells %q at %v; the silence is at %v", unread.Text, unread.At, silence.At)
	}
	for what, text := range map[string]string{"the log of strays": kept, "the story": unread.Text} {
		if strings.Contains(text, switchtest.GoodCard) || strings.Contains(text, switchtest.GoodCard[6:]) {
			t.Errorf("%s shows a card number: %s", what, text)
		}
	}
}
