package txswitch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	txswitch "switchyard/switch"
)

var errNoFile = errors.New("no such file")

// Whatever a file holds, reading it ends in a configuration that can be run or in an error that names the file.
func FuzzParseConfig(f *testing.F) {
	examples, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatalf("%d examples: %v", len(examples), err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte(""))
	}
	f.Add([]byte("routes: {file: r.csv}\n"), []byte("prefix,route,destination,host,weight\n4,visa,visa,issuer,1\n"))
	f.Add(
		[]byte("merchants: {file: m.yaml, unknown: refuse}\n"),
		[]byte("merchants:\n- {id: M1, city: BERLIN, country: DEU, mcc: \"5999\"}\n"),
	)
	f.Add([]byte("limits: {keep_keys_days: 150000}\n"), []byte("")) // more than a Duration holds
	f.Add([]byte("business_day: {timezone: Local, cutover: \"23:00\"}\n"), []byte(""))
	f.Add([]byte("issuers: [{name: \"a\\0b\", address: \"127.0.0.1:1\"}]\n"), []byte(""))
	f.Fuzz(func(t *testing.T, text, named []byte) {
		c, err := txswitch.ParseConfig("f.yaml", text, func(string) ([]byte, error) {
			if len(named) == 0 {
				return nil, errNoFile
			}
			return named, nil
		})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml") && !strings.Contains(err.Error(), "f.yaml: ") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("accepted, and then refused: %v", err)
		}
		if keep := time.Duration(c.Limits.KeepKeysDays) * 24 * time.Hour; keep <= 0 {
			t.Fatalf("keys are kept for %v", keep)
		}
		if _, err := time.LoadLocation(c.BusinessDay.Timezone); err != nil || c.BusinessDay.Timezone == "Local" {
			t.Fatalf("business days in the zone %q, error %v", c.BusinessDay.Timezone, err)
		}
		const mostName = 255 // of a text in a key of the journal
		for _, x := range c.Issuers {
			if len(x.Name) > mostName || strings.ContainsRune(x.Name, 0) {
				t.Fatalf("an issuer whose name the journal does not take: %q", x.Name)
			}
		}
	})
}
