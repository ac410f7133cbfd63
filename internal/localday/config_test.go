package localday_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	"switchyard/internal/localday"
	"switchyard/internal/pan"
	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
)

// The rules of a day with faults are ones that issuer-sim takes.
func TestFaultsAreRules(t *testing.T) {
	path, err := localday.WriteFaults(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuersim.ParseRules(path, strings.NewReader(string(text))); err != nil {
		t.Error(err)
	}
}

// The day's configuration is one that switchd takes, and it clears each card by the scheme that the day's book counts
// it under.
func TestConfig(t *testing.T) {
	path, err := localday.WriteConfig(t.TempDir(), localday.Issuer{
		Deadline: localday.FaultyDeadline, Dialect: "iso87bcd", Framing: "ascii4+tpdu",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config, err := txswitch.ParseConfig(path, text, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Merchants.Profiles) != len(day.Merchants) {
		t.Errorf("%d merchants, want %d", len(config.Merchants.Profiles), len(day.Merchants))
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	numbers := []string{}
	for n := range uint64(100) {
		numbers = append(numbers, loadgen.NewCards(now).Card(n).Number)
	}
	for _, d := range localday.Plan(1, now).Declines {
		if d.Card.Number == "" {
			t.Errorf("issuer-sim has no test card for %s", d.Code)
		}
		numbers = append(numbers, d.Card.Number)
	}
	for _, number := range numbers {
		destination := ""
		for _, r := range config.Routes.Rules {
			if strings.HasPrefix(number, r.Prefix) {
				destination = r.Destination
			}
		}
		if destination != pan.Brand(number) {
			t.Errorf("a card of %s clears by %q", pan.Brand(number), destination)
		}
	}
}
