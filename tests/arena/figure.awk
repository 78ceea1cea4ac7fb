# SPDX-License-Identifier: MIT
# figure.awk - the table of a series: cases.txt first, for the order and the sets, then results.tsv.
# A result: case, who, load, run, checksum of the case, outcome, status, limit, peak, ms, rounds, claimed,
# returned, worst stall, brakes. names, loads, people: those that are wanted; blank for all.
BEGIN {
	form = "%-15s %6s %-5s %4s %-8s %-12s %6s %7s %9s %9s %8s %7s %7s\n"
	mib = 1048576
}
FNR == NR {
	if (!/^#/ && NF && wanted($1, names)) {
		order[++cases] = $1
		set[$1] = $2
	}
	next
}
$2 == "without" { control[$1] = $6; next }
!wanted($2, people) || !wanted($3, loads) { next }
{
	key = $1 SUBSEP $2 SUBSEP $3
	groups[key]++
	if ($6 != "well") bad[key, $6]++
	limit[$1] = $8
	if ($9 / $8 > peak[key]) peak[key] = $9 / $8
	ms[key] += $10
	rounds[key] += $11
	claimed[key] += $12
	returned[key] += $13
	if ($14 != "-" && $14 + 0 > stall[key] + 0) stall[key] = $14
	brakes[key] += $15
	if (!($3 in seen)) load_at[++load_count] = $3
	seen[$3]
}
function wanted(word, words) {
	return words ~ /^ *$/ || index(words, " " word " ")
}
function outcome(key,   text) {
	text = bad[key, "killed"] + 0 " of " groups[key]
	if (bad[key, "hung"]) text = text ", " bad[key, "hung"] " hung"
	if (bad[key, "failed"]) text = text ", " bad[key, "failed"] " failed"
	if (bad[key, "over"]) text = text ", " bad[key, "over"] " over"
	return text
}
function row(name, who, load,   key, n) {
	key = name SUBSEP who SUBSEP load
	if (!(key in groups)) return
	n = groups[key]
	printf form, name, int(limit[name] / mib) "M", who, load, (name in control) ? control[name] : "-", outcome(key),
		sprintf("%.1f", 100 * peak[key]), sprintf("%.0f", rounds[key] / n), sprintf("%.0fM", claimed[key] / n / mib),
		sprintf("%.0fM", returned[key] / n / mib), (key in stall) ? stall[key] "ms" : "-", sprintf("%.0f", brakes[key] / n),
		sprintf("%.1fs", ms[key] / n / 1000)
	runs[set[name] == "open"] += n
	killed[set[name] == "open"] += bad[key, "killed"]
	other[set[name] == "open"] += bad[key, "hung"] + bad[key, "failed"] + bad[key, "over"]
}
function table(open,   i, j) {
	for (i = 1; i <= cases; i++) {
		if ((set[order[i]] == "open") != open) continue
		for (j = 1; j <= load_count; j++) row(order[i], "fifo", load_at[j])
		for (j = 1; j <= load_count; j++) row(order[i], "plain", load_at[j])
	}
}
END {
	printf form, "case", "limit", "as", "load", "without", "killed", "peak%", "rounds", "claimed", "returned", "stall", "brakes", "takes"
	table(0)
	printf "%d runs: %d killed, %d hung, failed or over\n", runs[0], killed[0], other[0]
	table(1)
	if (runs[1]) printf "%d runs that cannot be promised: %d killed, %d hung, failed or over\n", runs[1], killed[1], other[1]
	exit (killed[0] + other[0] > 0)
}
