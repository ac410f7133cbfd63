package txswitch_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// canary is a secret that must not be found anywhere, in any of its shapes.
type canary struct {
	name, value string
	inIPM       bool // DE2 of an IPM file may hold it
}

// shapes are the ways in which the bytes of a secret could have been written.
func (c canary) shapes() map[string][]byte {
	ebcdic, err := charmap.CodePage037.NewEncoder().Bytes([]byte(c.value))
	if err != nil {
		panic(err)
	}
	shapes := map[string][]byte{
		"ASCII": []byte(c.value), "EBCDIC": ebcdic,
		"hex of ASCII":  []byte(hex.EncodeToString([]byte(c.value))),
		"HEX of ASCII":  bytes.ToUpper([]byte(hex.EncodeToString([]byte(c.value)))),
		"hex of EBCDIC": []byte(hex.EncodeToString(ebcdic)),
		"HEX of EBCDIC": bytes.ToUpper([]byte(hex.EncodeToString(ebcdic))),
	}
	// BCD at both alignments: only the whole bytes, since the half ones at the ends depend on what is beside them.
	nibbles := strings.ReplaceAll(c.value, "=", "D")
	for at, name := range map[int]string{0: "BCD", 1: "BCD, shifted by a nibble"} {
		n := nibbles[at:]
		packed, err := hex.DecodeString(n[:len(n)/2*2])
		if err != nil {
			panic(err)
		}
		shapes[name] = packed
	}
	// Base64 at its three alignments, without the characters that depend on the neighbours.
	for pad := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, pad), c.value...))
		shapes["base64 "+string(rune('0'+pad))] = []byte(text[(pad*8+5)/6 : len(text)-4])
	}
	return shapes
}

var canaries = []canary{
	{"PAN", "4929184726350913848", true},
	{"second PAN", "5392847163905820", true},
	{"track 2", "5392847163905820=30121019173648205918", false},
	{"track 2 discretionary data", "1019173648205918", false},
	{"PIN block in chip data", "A7C3918E5D20F46B", false},
}

// cvcs are three and four digits, too short to look for alone; they are looked for in their TLV and JSON forms.
var cvcs = []string{"11048472", "1103847", `"cvc":"847"`, `"cvc":"8472"`, `"8472"`}

// I12: no PAN in clear outside DE2 of IPM files, no CVC, track or PIN block anywhere: data folders of both daemons,
// logs at debug level, metrics, exports, CSV, manifests.
func TestNoCardDataAnywhere(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	pan1, pan2 := canaries[0].value, canaries[1].value
	if !pan.Luhn(pan1) || !pan.Luhn(pan2) {
		t.Fatal("a canary PAN fails Luhn")
	}

	with := func(key, number, cvc string, change func(*api.Request)) api.Request {
		r := switchtest.Authorize(key, 4321)
		r.Card = api.Card{Number: number, Expiry: "3012", CVC: cvc}
		if change != nil {
			change(&r)
		}
		return r
	}
	a := s.Do(with("k1", pan1, "8472", nil))
	wantApproved(t, a, "00")
	b := s.Do(with("k2", pan2, "847", func(r *api.Request) {
		r.Op, r.Entry = api.OpSale, api.EntryMagstripe
		r.Card.Track2 = canaries[2].value
		r.Present = r.Present.With(api.FieldEntry)
	}))
	wantApproved(t, b, "00")
	chip := s.Do(with("k3", pan2, "", func(r *api.Request) {
		// 9F26 is kept; 57, 5A and 99 (the PIN block) are not.
		r.EMV = "9F26081122334455667788" + "5712" + "5392847163905820D301210191736482059F" + "5A08" + pan2 + "9908" +
			canaries[4].value
		r.Entry = api.EntryChip
		r.Present = r.Present.With(api.FieldEMV).With(api.FieldEntry)
	}))
	if chip.Err != nil {
		t.Fatalf("chip: %v", chip.Err)
	}
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k4", a.Payment, 0)), "")
	wantApproved(t, s.Do(switchtest.On(api.OpRefund, "k5", b.Payment, 21)), "00")
	wantError(t, s.Do(with("k1", pan1, "8472", func(r *api.Request) { r.Amount = 1 })), api.CodeConflict, "key")
	bad := with("k6", pan1, "8472", nil)
	bad.Card.Expiry = "3013"
	wantError(t, s.Do(bad), api.CodeInvalidField, "card.expiry")
	s.AwaitDrained()
	cutover(t, s, false)
	s.Do(with("k7", pan1, "8472", nil)) // what follows the cutover stays in the journal's log of writes

	seen := scanAll(t, s)
	if !seen["PAN"] || !seen["second PAN"] {
		t.Error("the scan did not find the PANs in the IPM file, where they are: it does not see what is written")
	}
}

// scanAll looks for the canaries in everything that both daemons wrote and show.
func scanAll(t *testing.T, s *switchtest.System) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	check := func(where string, content []byte) {
		ipm := strings.HasSuffix(where, ".ipm")
		for _, c := range canaries {
			for shape, text := range c.shapes() {
				if !bytes.Contains(content, text) {
					continue
				}
				if ipm && c.inIPM {
					seen[c.name] = true
					continue
				}
				t.Errorf("%s holds the %s (%s)", where, c.name, shape)
			}
		}
		for _, cvc := range cvcs {
			if bytes.Contains(content, []byte(cvc)) {
				t.Errorf("%s holds a CVC as %q", where, cvc)
			}
		}
	}
	for name, fs := range map[string]vfs.FS{"switch": s.FS, "issuer": s.IssuerFS} {
		files := 0
		walk(t, fs, "", func(file string, content []byte) {
			files++
			check(name+":"+file, content)
		})
		if files == 0 {
			t.Errorf("%s wrote no file", name)
		}
	}
	check("logs", []byte(s.Logs.String()))
	for _, url := range []string{
		"http://" + s.OperatorAddr + "/metrics", "http://" + s.OperatorAddr + "/v1/payments",
		"http://" + s.OperatorAddr + "/v1/days",
		"http://" + s.OperatorAddr + "/v1/stats", "http://" + s.ControlAddr + "/metrics",
		"http://" + s.ControlAddr + "/v1/authorizations",
		"http://" + s.ControlAddr + "/v1/holds", "http://" + s.ControlAddr + "/v1/ledger",
	} {
		check(url, get(t, url))
	}
	return seen
}

func walk(t *testing.T, fs vfs.FS, dir string, visit func(string, []byte)) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		full := path.Join(dir, name)
		info, err := fs.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			walk(t, fs, full, visit)
			continue
		}
		f, err := fs.Open(full)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		visit(full, content)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return body
}
