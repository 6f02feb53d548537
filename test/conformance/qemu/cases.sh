# In the guest: each case's exported script makes its namespaces, the referee runs its orders.
# What a kernel has built in, or loads for itself where it is not as bare as this.
modprobe -a br_netfilter nf_conntrack nf_conntrack_netlink nf_tables veth

uptime() { cut -d ' ' -f 1 /proc/uptime; }
elapsed() { # FROM TO, in seconds with two digits
  echo "$((10#${2/./} - 10#${1/./}))" | sed 's/..$/.&/; s/^\./0./'
}

for script in *.script.sh; do
  number=${script%%.*}
  began=$(uptime)
  timeout 60 bash "$script" up 2> "/results/$number.up" || echo "ended with $?" >> "/results/$number.up"
  built=$(uptime)
  timeout 120 python3 referee.py < "$number.job.json" > "/results/$number.answer.json" 2> "/results/$number.referee"
  ended=$(uptime)
  bash "$script" down
  echo "$(elapsed "$began" "$built") $(elapsed "$built" "$ended")" > "/results/$number.took"
done
