package message

// responses are the MTIs of the answers, by the second and third digit of what they answer: requests end in 10, advices
// in 30, whether first sent or repeated.
var responses = func() (t [10][2]string) {
	for c := range t {
		t[c] = [2]string{"0" + string(rune('0'+c)) + "10", "0" + string(rune('0'+c)) + "30"}
	}
	return t
}()

// ResponseMTI is the MTI that answers a request or advice.
func ResponseMTI(mti []byte) string {
	if mti[2] == '2' {
		return responses[mti[1]-'0'][1]
	}
	return responses[mti[1]-'0'][0]
}

// Answerable tells whether an MTI is that of a request or advice of version 1987, which gets an answer.
func Answerable(mti []byte) bool {
	return len(mti) == 4 && mti[0] == '0' && (mti[2] == '0' || mti[2] == '2')
}
