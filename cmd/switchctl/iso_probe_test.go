package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/spec"
	"switchyard/spec/framing"
	txswitch "switchyard/switch"
)

// conversation is a sign-on and a payment with their answers, in a dialect and a framing.
func conversation(t *testing.T, codec *spec.Codec, format framing.Format) (came []byte) {
	t.Helper()
	mtis := []string{"0800", "0810", "0100", "0110"}
	if codec.Version() == spec.ISO1993 {
		mtis = []string{"1804", "1814", "1100", "1110"}
	}
	for i, mti := range mtis {
		m := new(spec.Message)
		m.SetMTI(mti)
		m.Set(7, "1126083000")
		m.Set(11, "000101")
		if i >= 2 {
			m.Set(2, "4111111111111111")
			m.Set(3, "000000")
			m.Set(4, "000000012345")
			m.Set(32, "400001")
			m.Set(37, "633008000101")
			m.Set(41, "TERM0001")
			m.Set(42, "MERCHANT-000001")
			m.Set(49, "978")
		}
		switch {
		case codec.Version() == spec.ISO1993:
			m.Set(12, "261126083000")
			m.Set(24, []string{"801", "100"}[i/2])
		case i < 2:
			m.Set(70, "001")
		default:
			m.Set(12, "083000")
			m.Set(13, "1126")
		}
		if i%2 == 1 {
			m.Set(39, map[bool]string{true: "000", false: "00"}[codec.Version() == spec.ISO1993])
		}
		message, err := codec.Pack(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := format.Append(nil, message)
		if err != nil {
			t.Fatal(err)
		}
		came = append(came, frame...)
	}
	return came
}

// TestProbedConfigIsTaken: what iso probe prints of a capture, in each stock dialect and framings of each kind, is a
// configuration that switchd takes as it is, but for the host's address, and by which the capture is read.
func TestProbedConfigIsTaken(t *testing.T) {
	for _, dialect := range spec.Stock() {
		codec := spec.MustCodec(dialect)
		for _, text := range []string{
			"binary2", "binary4", "bcd2", "ascii4+inclusive", "binary2+tpdu:6000030000", "binary2+text:ISO006000020",
			"none+visa", "none",
		} {
			came := conversation(t, codec, framing.MustParse(text).Measuring(codec.Measure))
			name := filepath.Join(t.TempDir(), "capture.bin")
			if err := os.WriteFile(name, came, 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd := newIsoProbeCmd()
			cmd.SetOut(&out)
			cmd.SetErr(io.Discard)
			cmd.SetArgs([]string{"--json", "--form", "binary", name})
			if err := cmd.Execute(); err != nil {
				t.Errorf("%s in %s: %v", dialect, text, err)
				continue
			}
			var found struct{ Config string }
			if err := json.Unmarshal(out.Bytes(), &found); err != nil {
				t.Fatal(err)
			}
			config := strings.Replace(found.Config, "HOST:PORT", "127.0.0.1:8583", 1)
			c, err := txswitch.ParseConfig("probed.yaml", []byte(config), nil)
			if err == nil {
				err = c.Check()
			}
			if err != nil {
				t.Errorf("%s in %s: %v:\n%s", dialect, text, err, config)
				continue
			}
			if got := c.Issuers[0]; !reads(t, got.Dialect, got.Framing, came) {
				t.Errorf("%s in %s: what is configured reads it not:\n%s", dialect, text, config)
			}
		}
	}
}

// reads tells whether a dialect in a framing reads four messages and no more.
func reads(t *testing.T, dialect, text string, came []byte) bool {
	t.Helper()
	codec, err := spec.Open(dialect)
	if err != nil {
		t.Fatal(err)
	}
	format, err := framing.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	format = format.Measuring(codec.Measure)
	n := 0
	for ; len(came) > 0; n++ {
		frame, need, err := format.Cut(came, 9000)
		if err != nil || need > 0 {
			return false
		}
		var m spec.Message
		if codec.Unpack(frame.Message, &m) != nil {
			return false
		}
		came = came[frame.Size:]
	}
	return n == 4
}
