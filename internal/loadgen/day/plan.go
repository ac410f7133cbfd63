package day

import (
	"math"
	"math/rand/v2"

	"switchyard/internal/money"
	"switchyard/switch/api"
)

// Kind is what becomes of a payment.
type Kind uint8

// The kinds, and how many of a hundred payments are of each.
const (
	Full      Kind = iota // 80: authorized and captured in full
	Shipments             // 8: captured in two or three shipments
	Sale                  // 5: authorized and captured at once
	Reversed              // 5: authorized, then reversed before any capture
	Declined              // 2: declined, each time for the next of Plan.Declines
)

var kindNames = [...]string{"full capture", "shipments", "sale", "reversed", "declined"}

// String names the kind for people.
func (k Kind) String() string { return kindNames[k] }

// Of every hundred payments the first fullUpTo places are Full, and so on. The places are dealt out anew for each
// hundred.
const (
	hundred         = 100
	fullUpTo        = 80
	shipmentsUpTo   = 88
	saleUpTo        = 93
	reversedUpTo    = 98
	declinedPerHund = hundred - reversedUpTo
)

// refundPlaces are the eight places of a hundred whose payments are refunded: six Full, a Shipments and a Sale. Even
// entries refund all, odd ones a part.
var refundPlaces = [...]int{0, 13, 26, 39, 52, 65, 84, 90}

// repeatsOneIn says how many payments one is picked from to send everything twice.
const repeatsOneIn = 100

// Merchant is one of the day's merchants.
type Merchant struct {
	ID          string // DE42
	Name        string
	Street      string
	City        string
	PostalCode  string
	Country     string // ISO 3166 alpha-3
	MCC         string // category code, ISO 18245
	Currency    string
	Entry       api.Entry
	Initiator   api.Initiator
	Terminals   int
	MedianMajor float64 // of a payment's amount, in major units of Currency
}

// Merchants are the day's merchants: category codes as published in ISO 18245; currencies of 0, 2 and 3 decimals; each
// way of entry that the day is to have.
var Merchants = []Merchant{
	{
		ID: "BOOKS0000000001", Name: "Lantern Books", Street: "12 Cecil Court", City: "London", PostalCode: "WC2N 4HE",
		Country: "GBR", MCC: "5942", Currency: "GBP", Terminals: 4, MedianMajor: 22,
	},
	{
		ID: "TAXI00000000002", Name: "Union Taxi", Street: "3 Dock Road", City: "Liverpool", PostalCode: "L3 4AA",
		Country: "GBR", MCC: "4121", Currency: "GBP", Entry: api.EntryContactless, Terminals: 40, MedianMajor: 14,
	},
	{
		ID: "GROCER000000003", Name: "Marche Vert", Street: "8 rue Cler", City: "Paris", PostalCode: "75007", Country: "FRA",
		MCC: "5411", Currency: "EUR", Entry: api.EntryContactless, Terminals: 12, MedianMajor: 31,
	},
	{
		ID: "HOTEL0000000004", Name: "Hotel Nordkette", Street: "Innrain 5", City: "Innsbruck", PostalCode: "6020",
		Country: "AUT", MCC: "7011", Currency: "EUR", Entry: api.EntryMOTO, Terminals: 2, MedianMajor: 240,
	},
	{
		ID: "STREAM000000005", Name: "Kino Daheim", Street: "Torstr 90", City: "Berlin", PostalCode: "10119", Country: "DEU",
		MCC: "4899", Currency: "EUR", Entry: api.EntryStored, Initiator: api.InitiatorMerchant, Terminals: 1, MedianMajor: 12,
	},
	{
		ID: "SHOES0000000006", Name: "Scarpe Brera", Street: "Via Fiori Chiari 2", City: "Milano", PostalCode: "20121",
		Country: "ITA", MCC: "5661", Currency: "EUR", Terminals: 3, MedianMajor: 95,
	},
	{
		ID: "AIR000000000007", Name: "Prairie Air", Street: "1 Terminal Way", City: "Omaha", PostalCode: "68110",
		Country: "USA", MCC: "4511", Currency: "USD", Terminals: 6, MedianMajor: 310,
	},
	{
		ID: "FUEL00000000008", Name: "Hilltop Fuel", Street: "77 Route 9", City: "Albany", PostalCode: "12205",
		Country: "USA", MCC: "5541", Currency: "USD", Entry: api.EntryContactless, Terminals: 16, MedianMajor: 46,
	},
	{
		ID: "CLOUD0000000009", Name: "Paperplane Software", Street: "500 Howard St", City: "San Francisco",
		PostalCode: "94105", Country: "USA", MCC: "5734", Currency: "USD", Entry: api.EntryStored, Terminals: 1,
		MedianMajor: 29,
	},
	{
		ID: "CAFE00000000010", Name: "Kissa Komorebi", Street: "2-4 Kanda", City: "Tokyo", PostalCode: "101-0051",
		Country: "JPN", MCC: "5814", Currency: "JPY", Entry: api.EntryContactless, Terminals: 5, MedianMajor: 1150,
	},
	{
		ID: "DENKI0000000011", Name: "Hoshi Denki", Street: "1-9 Nipponbashi", City: "Osaka", PostalCode: "556-0005",
		Country: "JPN", MCC: "5732", Currency: "JPY", Terminals: 5, MedianMajor: 14800,
	},
	{
		ID: "PHARM0000000012", Name: "Salmiya Pharmacy", Street: "Salem Al Mubarak St", City: "Kuwait City",
		PostalCode: "22001", Country: "KWT", MCC: "5912", Currency: "KWD", Entry: api.EntryContactless, Terminals: 3,
		MedianMajor: 6.5,
	},
}

// Amounts are log-normal around the merchant's median: most are small, a few are large. They are kept between a tenth
// and ten times the median so that no card of the day runs out of funds.
const (
	amountSigma = 0.8
	amountRange = 10.0
)

// Decline is one way in which the day's payments are declined.
type Decline struct {
	Code     string // the DE39 that the issuer must answer
	Why      string // in a word or two, for the table
	Card     api.Card
	Amount   int64  // minor units; 0 for one drawn as for any other payment
	Currency string // "" for the merchant's
}

// Plan is a day: everything that happens in it follows from these values.
type Plan struct {
	Seed      uint64
	Run       string // begins every key, so that two days on one switch do not meet; at most 20 characters
	Merchants []Merchant
	Declines  []Decline
	// Card returns card number n, one that the issuer approves. The day draws n up to Cards.
	Card  func(n uint64) api.Card
	Cards uint64
}

// Payment is the plan of one payment. Amounts are minor units of Currency.
type Payment struct {
	Number    int
	Kind      Kind
	Merchant  *Merchant
	Terminal  string
	Card      api.Card
	Amount    int64
	Currency  string
	Shipments []int64  // of Shipments: two or three amounts; their sum may stay below Amount, then the last is final
	Refund    int64    // 0 for none
	Decline   *Decline // of Declined
	Repeats   bool     // sends everything twice
	AtOnce    bool     // of Repeats: both at the same time
	ByKey     bool     // of Reversed: names the request's key and not the payment
}

// Payment plans payment number n, counted from 0. It is a pure function of the plan and n.
func (p *Plan) Payment(n int) *Payment {
	block := n / hundred
	place := p.place(block, n%hundred)
	rng := rand.New(rand.NewPCG(p.Seed, uint64(n)))
	m := &p.Merchants[rng.IntN(len(p.Merchants))]
	pay := &Payment{
		Number: n, Merchant: m, Currency: m.Currency,
		Terminal: terminal(m, rng.IntN(m.Terminals)),
		Card:     p.Card(rng.Uint64N(p.Cards)),
		Amount:   amount(rng, m),
		Repeats:  rng.IntN(repeatsOneIn) == 0,
	}
	pay.AtOnce = pay.Repeats && rng.IntN(2) == 0
	switch {
	case place < fullUpTo:
		pay.Kind = Full
	case place < shipmentsUpTo:
		pay.Kind = Shipments
		pay.Shipments = shipments(rng, pay.Amount)
	case place < saleUpTo:
		pay.Kind = Sale
	case place < reversedUpTo:
		pay.Kind = Reversed
		pay.ByKey = place%2 == 0
	default:
		pay.Kind = Declined
		d := &p.Declines[(block*declinedPerHund+place-reversedUpTo)%len(p.Declines)]
		pay.Decline, pay.Card = d, d.Card
		if d.Amount > 0 {
			pay.Amount = d.Amount
		}
		if d.Currency != "" {
			pay.Currency = d.Currency
		}
	}
	for i, at := range refundPlaces {
		if at == place {
			pay.Refund = refund(rng, pay.Captured(), i%2 == 0)
		}
	}
	return pay
}

// Captured is what the plan captures of the payment in all.
func (p *Payment) Captured() int64 {
	switch p.Kind {
	case Full, Sale:
		return p.Amount
	case Shipments:
		var sum int64
		for _, s := range p.Shipments {
			sum += s
		}
		return sum
	default:
		return 0
	}
}

// place deals the hundred places out: x → a·x + b modulo 100 is a permutation wherever a shares no factor with 100.
func (p *Plan) place(block, i int) int {
	rng := rand.New(rand.NewPCG(p.Seed, 1<<63|uint64(block)))
	coprime := [...]int{3, 7, 9, 11, 13, 17, 19, 21, 23, 27, 29, 31, 33, 37, 39, 41}
	return (coprime[rng.IntN(len(coprime))]*i + rng.IntN(hundred)) % hundred
}

// terminal is DE41 of a merchant's terminal: four characters of its id and a number.
func terminal(m *Merchant, i int) string {
	return m.ID[:4] + string([]byte{'0', '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})
}

func amount(rng *rand.Rand, m *Merchant) int64 {
	major := m.MedianMajor * math.Exp(amountSigma*rng.NormFloat64())
	major = min(max(major, m.MedianMajor/amountRange), m.MedianMajor*amountRange)
	c, _ := money.Lookup(m.Currency)
	return max(int64(math.Round(major*math.Pow10(c.Exponent))), 10)
}

// shipments splits an amount into two or three. In one of four the last turns out smaller than planned.
func shipments(rng *rand.Rand, amount int64) []int64 {
	n := int64(2 + rng.IntN(2))
	parts := make([]int64, n)
	left := amount
	for i := range parts[:n-1] {
		parts[i] = max(left/(n-int64(i))-rng.Int64N(max(left/8, 1)), 1)
		left -= parts[i]
	}
	parts[n-1] = left
	if rng.IntN(4) == 0 && left > 1 {
		parts[n-1] = left - left/3 - 1
		parts[n-1] = max(parts[n-1], 1)
	}
	return parts
}

func refund(rng *rand.Rand, captured int64, whole bool) int64 {
	if whole || captured < 2 {
		return captured
	}
	return 1 + rng.Int64N(captured-1)
}
