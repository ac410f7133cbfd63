package isotool_test

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// host answers messages of one dialect in one framing with DE39 00, and closes a connection over which anything else
// comes. What it says in front of each answer is before.
func host(
	t *testing.T, codec *spec.Codec, format framing.Format, before ...*spec.Message,
) (dial func(context.Context) (net.Conn, error)) {
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
			go serve(conn, codec, format, before)
		}
	}()
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

func serve(conn net.Conn, codec *spec.Codec, format framing.Format, before []*spec.Message) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 1<<17)
	for {
		frame, err := format.Peek(r, 9000)
		if err != nil {
			return
		}
		var m spec.Message
		if codec.Unpack(frame.Message, &m) != nil {
			return
		}
		_, _ = r.Discard(frame.Size)
		mti := []byte(m.MTI())
		mti[2]++
		m.SetMTI(string(mti))
		m.Set(39, map[byte]string{'0': "00", '1': "800"}[mti[0]]) // of a network message
		var out []byte
		for _, b := range before {
			out, _ = isotool.Append(out, codec, format, b)
		}
		if out, err = isotool.Append(out, codec, format, &m); err != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// TestProbe finds out how a host is to be spoken to, of which nothing is known.
func TestProbe(t *testing.T) {
	var all []*spec.Codec
	for _, name := range spec.Stock() {
		all = append(all, spec.MustCodec(name))
	}
	for text, dialect := range map[string]string{
		"binary2": "iso87ascii", "ascii4+tpdu:6000000000": "iso87bcd", "bcd2": "iso93bcd", "none": "iso87ebcdic",
		"none+visa": "iso87bcd-ebcdic", "binary2+header:0000+visa": "iso87ascii", "none+trailer:03": "iso87ascii",
		"binary2+visa": "iso93ascii",
	} {
		synctest.Test(t, func(t *testing.T) {
			codec, format := spec.MustCodec(dialect), framing.MustParse(text)
			dial := func(context.Context) (net.Conn, error) {
				ours, its := net.Pipe()
				go serve(its, codec, format.Measuring(codec.Measure), nil)
				return ours, nil
			}
			tries := []isotool.Try{}
			ranked, err := isotool.Probe(t.Context(), isotool.ProbeOptions{
				Dial: dial, Codecs: all, Framings: isotool.ProbeFramings,
				Wait: time.Second, Most: 400, Now: time.Now, Told: func(try isotool.Try) { tries = append(tries, try) },
			})
			if err != nil {
				t.Errorf("%s: %v after %d tries", text, err, len(tries))
				return
			}
			for _, try := range tries {
				if strings.HasPrefix(try.Sent, "message") || strings.Contains(try.Sent, ", message") {
					t.Errorf("it was sent %s", try.Sent)
				}
			}
			want := framing.MustParse(text).String()
			if h := ranked[0]; h.Dialect != codec.Name() || framing.MustParse(h.Framing).String() != want {
				t.Errorf("%s with %s: found %s with %s", text, codec.Name(), h.Framing, h.Dialect)
			}
			config := isotool.Config("host", "127.0.0.1:1", &ranked[0], nil)
			if !strings.Contains(config, "    dialect: "+codec.Name()+"\n    framing: ") {
				t.Errorf("the configuration is\n%s", config)
			}
		})
	}
}

// TestConfig: what is printed is YAML with just what was found in it, whatever characters that has.
func TestConfig(t *testing.T) {
	for _, c := range []struct{ address, framing, dialect, key, value string }{
		{"127.0.0.1:8583", "binary2", "iso87bcd", "dialect", "iso87bcd"},
		{"[::1]:8583", "ascii4+tpdu:6000030000", "iso87bcd", "dialect", "iso87bcd"},
		{"host.example:1", "binary2+text:ACME:", "iso87bcd", "dialect", "iso87bcd"},
		{"host.example:1", `binary2+text:A #"\ B`, "acme", "spec_file", "./my own.json"},
		{"host.example:1", "none+text:ISO006000020", "", "spec_file", "your-own.json"},
	} {
		text := isotool.Config("issuer-1", c.address, &guess.Hypothesis{Framing: c.framing, Dialect: c.dialect},
			map[string]string{"acme": "./my own.json"})
		var got struct{ Issuers []map[string]string }
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%v:\n%s", err, text)
			continue
		}
		want := map[string]string{"name": "issuer-1", "address": c.address, "framing": c.framing, c.key: c.value}
		if len(got.Issuers) != 1 || !maps.Equal(got.Issuers[0], want) {
			t.Errorf("%v, want %v:\n%s", got.Issuers, want, text)
		}
	}
}

// TestProbeIsBounded makes as many connections as it may, and none where nobody listens.
func TestProbeIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	var tries []isotool.Try
	o := isotool.ProbeOptions{
		Dial: dial, Codecs: stock(), Framings: isotool.ProbeFramings, Wait: time.Minute, Most: 5, Now: time.Now,
		Told: func(try isotool.Try) { tries = append(tries, try) },
	}
	if _, err := isotool.Probe(t.Context(), o); !errors.Is(err, isotool.ErrNothingFits) || len(tries) != 5 {
		t.Errorf("%v after %v", err, tries)
	}
	for i, try := range tries {
		if (try.Sent == "") != (i == 0) || try.What != "closed" {
			t.Errorf("try %d: %+v", i, try)
		}
	}
	tries, o.Framings = nil, []string{"binary2", "ascii5"}
	if _, err := isotool.Probe(t.Context(), o); err == nil || !strings.Contains(err.Error(), "ascii5") || tries != nil {
		t.Errorf("of a framing that is none: %v after %v", err, tries)
	}
	o.Framings = isotool.ProbeFramings
	refused := errors.New("refused")
	o.Dial = func(context.Context) (net.Conn, error) { return nil, refused }
	if _, err := isotool.Probe(t.Context(), o); !errors.Is(err, refused) {
		t.Errorf("where nobody listens: %v", err)
	}
}

// TestTalk takes the answer among other messages, and says what bytes look like that cannot be read.
func TestTalk(t *testing.T) {
	codec, format := stock()[0], framing.MustParse("ascii4")
	stranger := new(spec.Message)
	stranger.SetMTI("0800")
	stranger.Set(11, "999999")
	stranger.Set(70, "301")
	conn, err := host(t, codec, format, stranger)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	others := 0
	talk := isotool.NewTalk(conn, format, codec, time.Minute, func(*spec.Message) { others++ })
	for range 2 {
		answer, err := talk.Exchange(t.Context(), isotool.SignOn(codec, time.Now()))
		if err != nil || answer.MTI() != "0810" || answer.String(39) != "00" {
			t.Fatalf("%v %v", answer, err)
		}
	}
	if others != 2 {
		t.Errorf("%d messages that answer nothing, want 2", others)
	}

	foreign, ours := net.Pipe()
	defer ours.Close()
	go func() {
		defer foreign.Close()
		_, _ = foreign.Read(make([]byte, 1000))
		frame, _ := isotool.Append(nil, stock()[1], framing.MustParse("ascii4+tpdu:6000030000"), payment(t))
		_, _ = foreign.Write(frame)
	}()
	talk = isotool.NewTalk(ours, framing.Format{}, codec, time.Minute, nil)
	_, err = talk.Exchange(t.Context(), isotool.SignOn(codec, time.Now()))
	for _, want := range []string{
		"cannot be read", "looks like ascii4+tpdu:6000030000 with iso87bcd", "a TPDU 6000030000",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "1111111111") {
		t.Errorf("a card number: %v", err)
	}
}

// TestSignOn: a host that does not approve a sign-on is not as expected.
func TestSignOn(t *testing.T) {
	for _, c := range []struct{ dialect, mti, code, want string }{
		{"iso87ascii", "0810", "00", ""},
		{"iso87ascii", "0810", "91", "expected 39=00, which is 91"},
		{"iso93ascii", "1814", "800", ""},
		{"iso93ascii", "1814", "000", ""},
		{"iso93ascii", "1814", "909", "expected 39=800|000, which is 909"},
	} {
		d := isotool.SignOn(spec.MustCodec(c.dialect), time.Now())
		var m spec.Message
		m.SetMTI(c.mti)
		m.Set(39, c.code)
		if len(d.Expect) != 1 {
			t.Fatalf("%s: %d expectations", c.dialect, len(d.Expect))
		}
		if got := d.Expect[0].Check(&m); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.dialect, c.code, got, c.want)
		}
	}
}

// TestTalkEnds where nobody answers, and where its context ends.
func TestTalkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, ours := net.Pipe()
		defer silent.Close()
		go func() {
			for {
				if _, err := silent.Read(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		codec := stock()[0]
		talk := isotool.NewTalk(ours, framing.Format{}, codec, time.Minute, nil)
		begin := time.Now()
		if _, err := talk.Exchange(t.Context(), isotool.SignOn(codec, begin)); !errors.Is(err, isotool.ErrNoAnswer) {
			t.Errorf("of a silent host: %v", err)
		}
		if waited := time.Since(begin); waited != time.Minute {
			t.Errorf("it waited for %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if _, err := talk.Exchange(ctx, isotool.SignOn(codec, begin)); err == nil || time.Since(begin) != time.Second {
			t.Errorf("it ends %v after its context's beginning: %v", time.Since(begin), err)
		}
	})
}
