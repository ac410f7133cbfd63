package merchant_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/merchant"
)

const (
	visa       = "4111111111111111"
	mastercard = "5105105105105100"
)

// A table's first row that fits decides, a merchant's own before the one of all, and what nothing names has 30 days.
func TestCaptureWindow(t *testing.T) {
	all, err := merchant.NewWindows([]merchant.WindowRow{
		{Schemes: []string{"visa"}, Entries: []string{"stored"}, Initiator: "merchant", Days: 5},
		{MCCs: []string{"7011", "3500-3999"}, Entries: []string{"ecommerce", "moto"}, Days: 21},
		{Entries: []string{"ecommerce", "moto", "stored"}, Days: 7},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := merchant.NewDirectory([]merchant.Profile{
		shop(),
		shop(func(p *merchant.Profile) { p.ID, p.MCC = "HOTEL", "3501" }),
		shop(func(p *merchant.Profile) { p.ID, p.CaptureWindowDays = "DAYS", 35 }),
		shop(func(p *merchant.Profile) {
			p.ID, p.CaptureWindowDays = "OWN", 12
			p.CaptureWindows = []merchant.WindowRow{{Schemes: []string{"mastercard"}, Days: 3}}
		}),
	}, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		merchant, card string
		entry          api.Entry
		initiator      api.Initiator
		all            merchant.Windows
		days           time.Duration
	}{
		{"M1", visa, api.EntryEcommerce, api.InitiatorCardholder, merchant.Windows{}, 30},
		{"M1", visa, api.EntryEcommerce, api.InitiatorCardholder, all, 7},
		{"M1", visa, api.EntryChip, api.InitiatorCardholder, all, 30},
		{"M1", visa, api.EntryStored, api.InitiatorCardholder, all, 7},
		{"M1", visa, api.EntryStored, api.InitiatorMerchant, all, 5},
		{"M1", mastercard, api.EntryStored, api.InitiatorMerchant, all, 7},
		{"HOTEL", visa, api.EntryEcommerce, api.InitiatorCardholder, all, 21},
		{"HOTEL", visa, api.EntryStored, api.InitiatorCardholder, all, 7},
		{"DAYS", visa, api.EntryEcommerce, api.InitiatorCardholder, all, 35},
		{"OWN", visa, api.EntryEcommerce, api.InitiatorCardholder, all, 12},
		{"OWN", mastercard, api.EntryChip, api.InitiatorCardholder, all, 3},
	} {
		asked := merchant.Asked{Card: c.card, Entry: c.entry, Initiator: c.initiator}
		if got := d.Lookup(c.merchant).CaptureWindow(&c.all, &asked); got != c.days*24*time.Hour {
			t.Errorf("%s, card %s, %s, %s: %s, want %d days", c.merchant, c.card[:1], c.entry, c.initiator, got, c.days)
		}
	}
}

func TestWindowsThatAreNone(t *testing.T) {
	for want, row := range map[string]merchant.WindowRow{
		`schemes: "VISA"`:     {Schemes: []string{"VISA"}, Days: 7},
		`entries: "internet"`: {Entries: []string{"internet"}, Days: 7},
		`initiator: "shop"`:   {Initiator: "shop", Days: 7},
		`mccs: "541"`:         {MCCs: []string{"541"}, Days: 7},
		`mccs: "3999-3500"`:   {MCCs: []string{"3999-3500"}, Days: 7},
		`mccs: "3500-"`:       {MCCs: []string{"3500-"}, Days: 7},
		`days: 0`:             {},
		`days: 36`:            {Days: 36},
	} {
		_, err := merchant.NewWindows([]merchant.WindowRow{{Days: 7}, row})
		if err == nil || !strings.HasPrefix(err.Error(), "capture_windows: row 2: "+want) {
			t.Errorf("%v; want %s", err, want)
		}
		_, err = merchant.NewDirectory([]merchant.Profile{
			shop(func(p *merchant.Profile) { p.CaptureWindows = []merchant.WindowRow{row} }),
		}, true, merchant.DefaultProfile())
		if err == nil || !strings.Contains(err.Error(), "merchant M1: capture_windows: row 1: "+want) {
			t.Errorf("of a merchant: %v; want %s", err, want)
		}
	}
	for _, days := range []int{-1, 3651} {
		_, err := merchant.NewDirectory([]merchant.Profile{
			shop(func(p *merchant.Profile) { p.RefundWindowDays = days }),
		}, true, merchant.DefaultProfile())
		if want := fmt.Sprintf("refund_window_days %d: expected", days); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
