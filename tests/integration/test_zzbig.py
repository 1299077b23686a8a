import sys, time, resource, psycopg, subprocess, os
from tests.services import *
def test_big(database):
    with database.connect() as s:
        s.execute("""create table t as select g as id, g*2 as b, (g%1000)::int as c, random() as d, random()*1000 as e, (random()*1000)::numeric(10,2) as f,
         'w'||g%9 as h, md5(g::text) as i, date '2020-01-01'+g%900 as j, now()-g*interval '1 s' as k, g%2=0 as l, case when g%3=0 then 'x'||g%50 end as m from generate_series(1,1000000) g""")
    from tests.integration.test_extract import MEASURE
    given=[str(database.conninfo[n]) for n in ("host","port","user","password","dbname")]
    code=MEASURE.replace("with warehouse","import time; t0=time.time()\nwith warehouse").replace("after =","print('extract', time.time()-t0); after =")
    code+="\nfrom synth.split import *\nt0=time.time(); t=table.rename_columns([c.name for c in columns]); h=hash_rows(t,()); print('hash all', time.time()-t0); t0=time.time(); import pyarrow as pa; t=t.take(pa.array(canonical_order(h))); print('take', time.time()-t0); print('peak', (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-before)>>10)"
    for _ in range(2):
        print(subprocess.run([sys.executable,"-c",code,*given],capture_output=True,text=True))
        c=f"import psycopg,sys,time\nt=time.time()\ns=psycopg.connect(host=sys.argv[1],port=sys.argv[2],user=sys.argv[3],password=sys.argv[4],dbname=sys.argv[5])\nwith s.cursor().copy('copy t to stdout') as c:\n  for x in c: pass\nprint('plain copy', time.time()-t)"
        print(subprocess.run([sys.executable,"-c",c,*given],capture_output=True,text=True).stdout)
        t=time.time(); print(subprocess.run(["psql","-c","\\copy t to /tmp/w/t.txt"],env={**os.environ,**database.environment},capture_output=True,text=True) if __import__("shutil").which("psql") else "no psql", time.time()-t)
    
