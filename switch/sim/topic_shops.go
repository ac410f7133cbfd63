package sim

import (
	"fmt"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	profiles "switchyard/switch/merchant"
)

// Several merchants with terminals, currencies of no, two and three decimals, and all that a request may say beside its
// amount. The merchants file changes from life to life.

func init() { addTopic(topic{name: "shops", draw: drawShops}) }

// Dress is what a request says beside its amount. The zero value is the one merchant of a plan without shops.
type Dress struct {
	Merchant, Terminal, Currency string
	Entry                        api.Entry
	ThreeDS, Address, Reference  bool
	ByMerchant                   bool // the merchant started it, with a stored credential
	SaysCurrency                 bool // a request on a payment names its currency
}

// The merchants of a plan with shops, and the currencies that each takes in every life.
var shopCurrencies = map[string][]string{"M1": {"EUR", "USD"}, "M2": {"EUR", "JPY"}, "M3": {"KWD", "USD"},
	"M4": {"JPY", "KWD", "EUR"}}

var shopNames = []string{"M1", "M2", "M3", "M4"}

// reference is the merchants' own reference of a payment: all have the same, so that a list shows whose it is.
const reference = "order 7"

// chip is DE55 as a terminal sends it: application cryptogram, its information, ATC and TVR.
const chip = "9F26081122334455667788" + "9F270180" + "9F3602001A" + "95050000000000"

const shopsPercent = 50

func drawShops(t *rapid.T, p *Plan) section {
	if !percent(t, shopsPercent) {
		return nil
	}
	s := shopsSection{Shared: percent(t, 50)}
	for i := range p.Actors {
		home := shopNames[bits(t, len(shopNames))]
		for j := range p.Actors[i] {
			step := &p.Actors[i][j]
			name := home
			if percent(t, 25) {
				name = shopNames[bits(t, len(shopNames))]
			}
			currencies := shopCurrencies[name]
			step.Dress = Dress{
				Merchant: name, Terminal: fmt.Sprintf("T%d", 1+bits(t, 3)), Currency: currencies[bits(t, len(currencies))],
				Entry: api.Entry(bits(t, int(api.EntryMagstripe)+1)), Reference: percent(t, 30), SaysCurrency: percent(t, 30),
			}
			switch step.Dress.Entry {
			case api.EntryEcommerce:
				step.Dress.ThreeDS, step.Dress.Address = percent(t, 50), percent(t, 50)
			case api.EntryStored:
				step.Dress.ByMerchant = percent(t, 50)
			default:
			}
			step.SharedKey = s.Shared && percent(t, 50)
		}
	}
	return s
}

// put writes into a request what the dress says beside merchant and currency.
func (d *Dress) put(r *api.Request) {
	if d.Merchant == "" {
		return
	}
	r.Entry, r.Present = d.Entry, r.Present.With(api.FieldEntry)
	switch d.Entry {
	case api.EntryChip, api.EntryContactless:
		r.EMV, r.Card.Sequence, r.Card.CVC, r.Present = chip, "1", "", r.Present.With(api.FieldEMV)
	case api.EntryMagstripe:
		r.Card.Track2, r.Card.CVC = r.Card.Number+"="+r.Card.Expiry+"2010000000", ""
	case api.EntryStored:
		if d.ByMerchant {
			r.Initiator, r.NetworkID, r.Card.CVC = api.InitiatorMerchant, "352489331467426", ""
			r.Present = r.Present.With(api.FieldInitiator).With(api.FieldNetworkID)
		}
	case api.EntryEcommerce, api.EntryMOTO, api.EntryManual:
	}
	if d.ThreeDS {
		r.ThreeDS = api.ThreeDS{Version: "2.2.0", ECI: "05", CAVV: "AAABBWFlmQAAAABjRWWZEEFgFz8=",
			DSTransactionID: "97267598-fae6-48f2-8083-b2c8d2bd2c9d"}
		r.Present = r.Present.With(api.FieldThreeDS)
	}
	if d.Address {
		r.Address = api.Address{Line: "Hauptstrasse 1", PostalCode: "10115", Country: "DEU"}
		r.Present = r.Present.With(api.FieldAddress)
	}
	if d.Reference {
		r.Reference, r.Present = reference, r.Present.With(api.FieldReference)
	}
}

func (d *Dress) text() string {
	t := fmt.Sprintf("at %s %s in %s by %s", d.Merchant, d.Terminal, d.Currency, d.Entry)
	for _, x := range []struct {
		is   bool
		text string
	}{
		{d.ThreeDS, "3-D Secure"}, {d.Address, "address"}, {d.Reference, "reference"}, {d.ByMerchant, "by the merchant"},
		{d.SaysCurrency, "says the currency"},
	} {
		if x.is {
			t += ", " + x.text
		}
	}
	return t
}

type shopsSection struct{ Shared bool }

// String implements section.
func (s shopsSection) String() string {
	if s.Shared {
		return "shops, keys of one text at several merchants"
	}
	return "shops"
}

func (shopsSection) begin(*world) any { return shopsPart{} }

type shopsPart struct{}

// configure implements configures: each life has another merchants file.
func (shopsPart) configure(_ *switchNode, life int, o *txswitch.Options) {
	m := &o.Config.Merchants
	m.Unknown = []string{"accept", "refuse"}[life%2]
	m.Profiles = []profiles.Profile{
		{ID: "M1", Name: "Lamps & Shades", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5712"},
		{ID: "M2", City: "Osaka", Country: "JPN", MCC: fmt.Sprintf("58%02d", 11+life%3), Currencies: shopCurrencies["M2"]},
		{ID: "M3", Name: fmt.Sprintf("Tailor %d", life), City: "Kuwait", Country: "KWT", MCC: "5699",
			FeePlan:           fmt.Sprintf("plan %d", life),
			CaptureWindowDays: 7 + life%2},
		{ID: "M4", City: []string{"Madrid", "Bilbao"}[life%2], Country: "ESP", MCC: "5999", Street: fmt.Sprintf("Calle %d",
			life)},
	}
	if life%3 == 0 { // one is gone, and its payments go on
		m.Profiles = m.Profiles[:3]
	}
}
